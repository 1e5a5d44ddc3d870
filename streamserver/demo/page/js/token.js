// Requests that change something: a server may require a token for them. The user is asked for it
// when the server refuses a request; it is stored until the tab is closed.

import { storage } from "./storage.js";

const KEY = "streamserver.token";

export async function send(url, options = {}) {
  const response = await fetch(url, authorized(options));
  // A 401 of the chat's upstream has no challenge: that is about the key of this server.
  if (response.status !== 401 || !response.headers.has("WWW-Authenticate")) return response;
  const token = window.prompt("This server needs a token for this action:")?.trim();
  if (!token || !/^[\w.~+/-]+=*$/.test(token)) return response;
  storage.setItem(KEY, token);
  return fetch(url, authorized(options));
}

function authorized(options) {
  const token = storage.getItem(KEY);
  return token ? { ...options, headers: { ...options.headers, Authorization: `Bearer ${token}` } } : options;
}
