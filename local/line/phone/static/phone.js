"use strict";
// Keeps one phone up to date and sends what its owner does. No library, no build step.
const phone = document.querySelector("main.phone");
const chat = document.getElementById("chat");
const quick = document.getElementById("quick");
const base = `/phone/${phone.dataset.user}`;
let version = phone.dataset.version;

const atEnd = () => chat.scrollHeight - chat.scrollTop - chat.clientHeight < 60;
const toEnd = () => { chat.scrollTop = chat.scrollHeight; };

async function refresh() {
  const response = await fetch(`${base}/fragment?v=${version}`);
  if (!response.ok) return;
  const news = await response.json();
  document.getElementById("clock").textContent = news.clock;
  if (news.chat === undefined) return;
  version = news.version;
  phone.dataset.relation = news.relation;
  if (chat.innerHTML !== news.chat) {
    // Somebody reading old messages must not be thrown to the end, nor carousels back to their start.
    const follow = atEnd();
    const top = chat.scrollTop;
    const strips = [...chat.querySelectorAll(".strip")].map((strip) => strip.scrollLeft);
    chat.innerHTML = news.chat;
    chat.querySelectorAll(".strip").forEach((strip, i) => { strip.scrollLeft = strips[i] || 0; });
    if (follow) toEnd(); else chat.scrollTop = top;
  }
  quick.innerHTML = news.quick;
}

async function act(want) {
  const response = await fetch(`${base}/do`, { method: "POST", body: JSON.stringify(want) });
  const problem = document.getElementById("problem");
  problem.hidden = response.ok;
  if (!response.ok) problem.textContent = (await response.json()).error;
  await refresh();
}

function pick(mode) {
  const dialog = document.getElementById("picker");
  const field = document.getElementById("picked");
  field.type = mode === "datetime" ? "datetime-local" : mode;
  field.value = "";
  dialog.showModal();
  return new Promise((done) => {
    dialog.onclose = () => done(dialog.returnValue === "ok" && field.value ? field.value : null);
  });
}

phone.addEventListener("click", async (event) => {
  const tap = event.target.closest("[data-tap]");
  if (tap) {
    const want = { action: "tap", bubble: tap.dataset.tap, index: tap.dataset.index };
    if (tap.dataset.mode) {
      want.value = await pick(tap.dataset.mode);
      if (!want.value) return;
    }
    await act(want);
    return;
  }
  const plain = event.target.closest("[data-do]");
  if (plain) {
    plain.closest("details")?.removeAttribute("open");
    await act({ action: plain.dataset.do });
  }
});

document.getElementById("send").addEventListener("submit", async (event) => {
  event.preventDefault();
  const field = event.target.elements.text;
  const text = field.value;
  if (!text) return;
  field.value = "";
  await act({ action: "text", text });
  toEnd();
});

toEnd();
setInterval(() => refresh().catch(() => undefined), 1000);
