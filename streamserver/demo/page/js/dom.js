// Creates elements. Data is inserted as text only: nothing here parses markup.

const SVG = "http://www.w3.org/2000/svg";

export function element(name, attributes = {}, ...children) {
  return filled(document.createElement(name), attributes, children);
}

// Nodes for a text in which `code` stands between backticks.
export function prose(text) {
  return text.split("`").map((part, n) => (n % 2 ? element("code", {}, part) : part));
}

export function svgElement(name, attributes = {}, ...children) {
  return filled(document.createElementNS(SVG, name), attributes, children);
}

function filled(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children);
  return node;
}
