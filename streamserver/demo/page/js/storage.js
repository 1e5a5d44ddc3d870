// What a tab stores until it is closed, also over reloads. A user can block the storage of a site:
// then it is stored in memory, until the page is left.

export const storage = blocked() ? inMemory() : window.sessionStorage;

function blocked() {
  try {
    return !window.sessionStorage;
  } catch {
    return true;
  }
}

function inMemory() {
  const values = new Map();
  return {
    getItem: (key) => values.get(key) ?? null,
    setItem: (key, value) => values.set(key, value),
    removeItem: (key) => values.delete(key),
  };
}
