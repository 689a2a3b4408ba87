// Fills in where the phone is, to a twentieth of a degree: some 5 km. More never leaves the phone.
"use strict";
(() => {
  for (const button of document.querySelectorAll("[data-where]")) {
    if (!navigator.geolocation) continue;
    const input = document.getElementById(button.dataset.where);
    const rounded = (degrees) => (Math.round(degrees * 20) / 20).toFixed(2);
    button.hidden = false;
    button.addEventListener("click", () => {
      navigator.geolocation.getCurrentPosition(
        ({ coords }) => { input.value = `${rounded(coords.latitude)}, ${rounded(coords.longitude)}`; },
        () => { button.textContent = button.dataset.failed; },
        { timeout: 20000, maximumAge: 600000 },
      );
    });
  }
})();
