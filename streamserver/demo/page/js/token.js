// Requests that change something: a server may require a token for them. The user is asked for it
// when the server refuses a request; it is kept until the tab is closed.

const KEY = "streamserver.token";

export async function send(url, options = {}) {
  const response = await fetch(url, authorized(options));
  if (response.status !== 401) return response;
  const token = window.prompt("This server needs a token for this action:")?.trim();
  if (!token || !/^[\w.~+/-]+=*$/.test(token)) return response;
  sessionStorage.setItem(KEY, token);
  return fetch(url, authorized(options));
}

function authorized(options) {
  const token = sessionStorage.getItem(KEY);
  return token ? { ...options, headers: { ...options.headers, Authorization: `Bearer ${token}` } } : options;
}
