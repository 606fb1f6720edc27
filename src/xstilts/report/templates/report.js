"use strict";
// Sorting and filtering of the gains by language, and plain CSV for the tables. Without it the page still tells all.
(() => {
  const table = document.getElementById("gains-table");

  const number = (text) => {
    const found = text.replace("\u2212", "-").match(/-?[\d.]+/);
    return found ? parseFloat(found[0]) : null;
  };

  const compare = (a, b, numeric, way) => {
    if (!numeric) return way * a.localeCompare(b, "en");
    const [x, y] = [number(a), number(b)];
    if (x === null || y === null) return (x === null) - (y === null); // what is not there stays below
    return way * (x - y);
  };

  const browse = () => {
    const filters = document.getElementById("filters");
    const shown = document.getElementById("shown");
    const body = table.tBodies[0];
    const rows = Array.from(body.rows);
    const heads = Array.from(table.tHead.rows[0].cells);
    const names = heads.map((head) => head.textContent);
    let sorted = "";

    const tell = () => {
      const left = rows.filter((row) => !row.hidden).length;
      shown.textContent = `${left} of ${rows.length} gains${sorted}.`;
    };

    const filter = () => {
      const wanted = Array.from(filters.querySelectorAll("[data-column]"), (field) => ({
        place: names.indexOf(field.dataset.column),
        text: field.value.trim().toLowerCase(),
        whole: field.tagName === "SELECT",
      })).filter((one) => one.text);
      const clear = filters.querySelector("[data-clear]").checked;
      for (const row of rows) {
        const fits = wanted.every(({ place, text, whole }) => {
          const own = row.cells[place].textContent.trim().toLowerCase();
          return whole ? own === text : own.includes(text);
        });
        row.hidden = !fits || (clear && !row.className);
      }
      tell();
    };

    const sort = (place) => {
      const head = heads[place];
      const numeric = head.classList.contains("n");
      const was = head.getAttribute("aria-sort");
      const down = was === "none" ? numeric : was === "ascending"; // numbers: the largest first
      heads.forEach((other) => other.setAttribute("aria-sort", "none"));
      head.setAttribute("aria-sort", down ? "descending" : "ascending");
      const way = down ? -1 : 1;
      rows.sort((a, b) => compare(a.cells[place].textContent, b.cells[place].textContent, numeric, way));
      body.append(...rows);
      sorted = `, sorted by ${names[place].toLowerCase()}, ${down ? "descending" : "ascending"}`;
      tell();
    };

    heads.forEach((head, place) => {
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = head.textContent;
      button.addEventListener("click", () => sort(place));
      head.replaceChildren(button);
      head.setAttribute("aria-sort", "none");
    });
    filters.addEventListener("input", filter);
    filters.querySelector("[data-reset]").addEventListener("click", () => {
      filters.querySelectorAll("select, input").forEach((field) => {
        if (field.type === "checkbox") field.checked = false;
        else field.value = "";
      });
      filter();
    });
    filters.hidden = false;
    filter();
  };

  const unpack = async (link) => {
    const packed = Uint8Array.from(atob(link.href.split(",")[1]), (letter) => letter.charCodeAt(0));
    const plain = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"));
    const file = await new Response(plain).blob();
    const address = URL.createObjectURL(new Blob([file], { type: "text/csv" }));
    const save = document.createElement("a");
    save.href = address;
    save.download = link.download.replace(/\.gz$/, "");
    save.click();
    setTimeout(() => URL.revokeObjectURL(address), 60000);
  };

  if (table) browse();
  if (window.DecompressionStream) {
    document.querySelectorAll("a.file").forEach((link) => {
      link.addEventListener("click", (event) => {
        event.preventDefault();
        unpack(link);
      });
    });
  }
})();
