// Shows the picture that the kernel draws; its text was escaped there.

// Change one node into another in place, so that a selection in it and a pointer over it stay.
function become(node, wanted) {
  if (node.nodeName !== wanted.nodeName || node.childNodes.length !== wanted.childNodes.length) {
    node.replaceWith(wanted);
    return;
  }
  if (node.nodeType === Node.TEXT_NODE) {
    if (node.data !== wanted.data) node.data = wanted.data;
    return;
  }
  for (const { name, value } of wanted.attributes) {
    if (node.getAttribute(name) !== value) node.setAttribute(name, value);
  }
  const wantedChildren = [...wanted.childNodes];
  [...node.childNodes].forEach((child, index) => become(child, wantedChildren[index]));
}

function render({ model, el }) {
  const draw = () => {
    const made = document.createElement("template");
    made.innerHTML = model.get("picture");
    const wanted = made.content.firstElementChild;
    if (!wanted) return;
    if (el.firstElementChild) become(el.firstElementChild, wanted);
    else el.append(wanted);
  };
  model.on("change:picture", draw);
  draw();
  return () => model.off("change:picture", draw);
}

export default { render };
