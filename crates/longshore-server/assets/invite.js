"use strict";

const token = location.hash.slice(1);
const part = (id) => document.getElementById(id);
// What the first step of a sign-in gave, while the second factor is awaited.
let challenge = null;

// Paths are relative to this page: the registry may be served behind a path prefix.
async function ask(path, body, session) {
  const headers = { "content-type": "application/json" };
  if (session) headers.authorization = `Bearer ${session}`;
  const response = await fetch(path, { method: "POST", headers, body: JSON.stringify(body) });
  const answer = await response.json().catch(() => ({}));
  if (response.ok) return answer;
  const error = new Error(answer.message || `The registry answered ${response.status}.`);
  error.challenge = answer.login_2fa_token;
  throw error;
}

function show(id) {
  for (const form of document.forms) form.hidden = form.id !== id;
  part("problem").textContent = "";
}

function finish(name, org) {
  show(null);
  part("about").textContent =
    `${name} is now a member of ${org}. To use the registry: docker login ${location.host} -u ${name}`;
}

async function signIn(fields) {
  if (challenge) {
    return ask("v2/users/2fa-login", { login_2fa_token: challenge, code: fields.code.value.trim() });
  }
  const body = { username: fields.username.value.trim(), password: fields.password.value };
  return ask("v2/users/login", body);
}

async function accept(fields) {
  let session;
  try {
    session = await signIn(fields);
  } catch (error) {
    if (!error.challenge) throw error;
    challenge = error.challenge;
    part("second").hidden = false;
    fields.code.required = true;
    fields.code.focus();
    return;
  }
  forgetChallenge();
  const { org } = await ask("v2/invites/accept", { token }, session.token);
  finish(fields.username.value.trim(), org);
}

async function join(fields) {
  const username = fields.username.value.trim();
  const { org } = await ask("v2/invites/join", { token, username, password: fields.password.value });
  finish(username, org);
}

function handle(id, action) {
  const form = part(id);
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const button = form.querySelector("button");
    button.disabled = true;
    part("problem").textContent = "";
    try {
      await action(form.elements);
    } catch (error) {
      part("problem").textContent = error.message;
    }
    button.disabled = false;
  });
}

// Another name or password is another sign-in.
function forgetChallenge() {
  challenge = null;
  part("second").hidden = true;
  part("accept").elements.code.required = false;
  part("accept").elements.code.value = "";
}

async function begin() {
  for (const name of ["username", "password"]) {
    part("accept").elements[name].addEventListener("input", forgetChallenge);
  }
  handle("accept", accept);
  handle("join", join);
  for (const button of document.querySelectorAll("[data-show]")) {
    button.addEventListener("click", () => show(button.dataset.show));
  }
  try {
    const invite = await ask("v2/invites/describe", { token });
    part("about").textContent =
      `${invite.inviter_username} invites ${invite.invitee} to the organization ${invite.org}.`;
    part("new").hidden = !invite.may_join;
    show(invite.may_join ? "join" : "accept");
  } catch (error) {
    part("about").textContent = "";
    part("problem").textContent = error.message;
  }
}

begin();
