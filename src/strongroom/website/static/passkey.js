// Passkeys. Forms with the class `passkey` are hidden without this file; the server says what to ask the device for,
// and verifies what the device answers. Nothing is kept here.
const bytes = (text) => Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (c) => c.charCodeAt(0));
const text = (buffer) =>
  buffer && btoa(String.fromCharCode(...new Uint8Array(buffer))).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");

const listed = (credentials) => (credentials ?? []).map((one) => ({ ...one, id: bytes(one.id) }));

const ask = async (form) => {
  const said = new URLSearchParams({ csrfmiddlewaretoken: form.elements.csrfmiddlewaretoken.value });
  if (form.dataset.make) said.set("make", "1");
  if (form.dataset.own) said.set("own", "1");
  const answer = await fetch(form.dataset.challenge, { method: "POST", body: said });
  if (!answer.ok) throw new Error("the server gave no challenge; reload this page");
  const { publicKey } = await answer.json();
  publicKey.challenge = bytes(publicKey.challenge);
  if (form.dataset.make) {
    publicKey.user.id = bytes(publicKey.user.id);
    publicKey.excludeCredentials = listed(publicKey.excludeCredentials);
    return navigator.credentials.create({ publicKey });
  }
  publicKey.allowCredentials = listed(publicKey.allowCredentials);
  return navigator.credentials.get({ publicKey });
};

const written = (found) => {
  const { response } = found;
  const told = { clientDataJSON: text(response.clientDataJSON) };
  if (response.attestationObject) told.attestationObject = text(response.attestationObject);
  if (response.authenticatorData) told.authenticatorData = text(response.authenticatorData);
  if (response.signature) told.signature = text(response.signature);
  if (response.userHandle) told.userHandle = text(response.userHandle);
  return JSON.stringify({
    id: found.id, rawId: text(found.rawId), type: found.type, response: told,
    authenticatorAttachment: found.authenticatorAttachment, clientExtensionResults: found.getClientExtensionResults(),
  });
};

const use = async (form) => {
  const says = form.querySelector(".wrong");
  says.textContent = "";
  try {
    form.elements.credential.value = written(await ask(form));
    form.submit();
  } catch (problem) {
    says.textContent = problem.name === "NotAllowedError" ? "The device did not confirm it. Try again." : problem.message;
  }
};

if (window.PublicKeyCredential) {
  for (const form of document.querySelectorAll("form.passkey")) {
    form.hidden = false;
    if (form.dataset.plain) continue; // asks the device for nothing yet; shown only where passkeys are known
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      use(form);
    });
    if (form.dataset.now) use(form);
  }
}
