"use strict";
const cards = [...document.querySelectorAll("article")];
const boxes = [...document.querySelectorAll("nav input")];
function filter() {
  const off = new Set(boxes.filter((box) => !box.checked).map((box) => `${box.name} ${box.value}`));
  for (const card of cards) {
    card.hidden = off.has(`verdict ${card.dataset.verdict}`) || off.has(`level ${card.dataset.level}`);
  }
  const shown = cards.filter((card) => !card.hidden).length;
  document.getElementById("shown").textContent = `${shown} of ${cards.length} shown`;
  document.getElementById("none").hidden = shown > 0;
}
for (const box of boxes) box.addEventListener("change", filter);
filter(); // a browser keeps what was ticked when a page is loaded again
