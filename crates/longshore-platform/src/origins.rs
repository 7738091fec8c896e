//! Who is behind a request: the client's address and program, as events show them.
//!
//! Set once around each request by the server, and read where an event is made: an argument of every operation
//! would say the same a hundred times.

use std::net::IpAddr;

/// Most characters of a program's name that are kept.
const PROGRAM_CHARACTERS: usize = 200;

/// Where a request came from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RequestOrigin {
    /// Address of the client, behind trusted proxies.
    pub address: Option<IpAddr>,
    /// What the client says that it is (`User-Agent`), cleaned.
    pub program: Option<String>,
}

tokio::task_local! {
    static ORIGIN: RequestOrigin;
}

impl RequestOrigin {
    /// Describes a client. Of what it says it is, the first 200 printable ASCII characters are kept.
    pub fn of(address: IpAddr, program: Option<&[u8]>) -> Self {
        let cleaned = |said: &[u8]| -> String {
            let printable = said.iter().filter(|byte| byte.is_ascii_graphic() || **byte == b' ');
            printable.take(PROGRAM_CHARACTERS).map(|byte| char::from(*byte)).collect()
        };
        let program = program.map(cleaned).filter(|text| !text.trim().is_empty());
        Self { address: Some(address.to_canonical()), program }
    }

    /// Handles a request; its events show where it came from.
    pub async fn scope<T>(self, request: impl Future<Output = T>) -> T {
        ORIGIN.scope(self, request).await
    }

    /// Returns where the request came from that is handled now; nothing for the operator and the server's own work.
    pub fn current() -> Self {
        ORIGIN.try_with(Self::clone).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_client_says_of_itself_is_cleaned_and_bounded() {
        let program = |said: &[u8]| RequestOrigin::of([127, 0, 0, 1].into(), Some(said)).program;
        assert_eq!(program(b"docker/28.0 go/go1.24").unwrap(), "docker/28.0 go/go1.24");
        assert_eq!(program(b"a\x1b[31m\r\nb\xffc").unwrap(), "a[31mbc");
        assert_eq!(program(&[b'x'; 5000]).unwrap().len(), 200);
        assert_eq!(program(b""), None);
        assert_eq!(program(b"  "), None);
    }
}
