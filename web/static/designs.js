// Turns a part in 3D when somebody asks for it, and shows how far an upload is. Nothing else is fetched
// than the part's own mesh; pages work without any of this.
"use strict";
(() => {
  const TILT = -1.05, SPEED = 0.4, STEP = 0.15;
  const VERTEX = `attribute vec3 at, normal; uniform mat3 turn; uniform vec2 shape; varying float light;
    void main() {
      vec3 p = turn * at; vec3 n = turn * normal;
      light = 0.32 + 0.62 * max(dot(n, normalize(vec3(-0.45, 0.62, 0.75))), 0.0)
        + 0.16 * max(dot(n, normalize(vec3(0.9, -0.1, 0.2))), 0.0);
      gl_Position = vec4(p.xy * shape, -p.z * 0.5, 1.0);
    }`;
  const FRAGMENT = `precision mediump float; varying float light;
    void main() { gl_FragColor = vec4(vec3(0.93, 0.48, 0.17) * light, 1.0); }`;

  // Triangles as 16-bit integers, nine a triangle, the longest side from -32767 to 32767.
  function soup(raw) {
    const at = new Float32Array(raw.length), normal = new Float32Array(raw.length);
    for (let i = 0; i < raw.length; i += 9) {
      for (let k = 0; k < 9; k++) at[i + k] = raw[i + k] / 32767;
      const [a, b, c, d, e, f, g, h, j] = at.subarray(i, i + 9);
      const [u, v, w, x, y, z] = [d - a, e - b, f - c, g - a, h - b, j - c];
      const n = [v * z - w * y, w * x - u * z, u * y - v * x];
      const long = Math.hypot(...n) || 1;
      for (let k = 0; k < 9; k++) normal[i + k] = n[k % 3] / long;
    }
    return { at, normal };
  }

  function programOf(gl) {
    const program = gl.createProgram();
    for (const [kind, text] of [[gl.VERTEX_SHADER, VERTEX], [gl.FRAGMENT_SHADER, FRAGMENT]]) {
      const shader = gl.createShader(kind);
      gl.shaderSource(shader, text);
      gl.compileShader(shader);
      gl.attachShader(program, shader);
    }
    gl.linkProgram(program);
    gl.useProgram(program);
    return program;
  }

  function show(canvas, raw) {
    const gl = canvas.getContext("webgl", { antialias: true, alpha: true });
    if (!gl) return false;
    const mesh = soup(raw), program = programOf(gl);
    for (const name of ["at", "normal"]) {
      const place = gl.getAttribLocation(program, name);
      gl.bindBuffer(gl.ARRAY_BUFFER, gl.createBuffer());
      gl.bufferData(gl.ARRAY_BUFFER, mesh[name], gl.STATIC_DRAW);
      gl.enableVertexAttribArray(place);
      gl.vertexAttribPointer(place, 3, gl.FLOAT, false, 0, 0);
    }
    gl.enable(gl.DEPTH_TEST);
    const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
    // The canvas is wider than high: what fits from top to bottom however it is turned fits.
    let far = 0;
    for (let i = 0; i < mesh.at.length; i += 3) far = Math.max(far, Math.hypot(...mesh.at.subarray(i, i + 3)));
    const scale = 0.97 / far;
    const view = { spin: -0.6, tilt: TILT, turning: !still, last: 0 };
    function draw() {
      const { width, height } = canvas;
      gl.viewport(0, 0, width, height);
      gl.clear(gl.COLOR_BUFFER_BIT | gl.DEPTH_BUFFER_BIT);
      const [s, c, t, d] = [Math.sin(view.spin), Math.cos(view.spin), Math.sin(view.tilt), Math.cos(view.tilt)];
      gl.uniformMatrix3fv(gl.getUniformLocation(program, "turn"), false,
        [c, s * d, s * t, -s, c * d, c * t, 0, -t, d]);
      gl.uniform2f(gl.getUniformLocation(program, "shape"), scale * height / width, scale);
      gl.drawArrays(gl.TRIANGLES, 0, mesh.at.length / 3);
    }
    function frame(now) {
      if (!canvas.isConnected) return;
      if (view.turning) {
        view.spin += SPEED * Math.min(0.1, (now - view.last) / 1000);
        view.last = now;
        draw();
        requestAnimationFrame(frame);
      }
    }
    function turn(spin, tilt) {
      view.turning = false;
      view.spin += spin;
      view.tilt = Math.max(-Math.PI, Math.min(0, view.tilt + tilt));
      draw();
    }
    canvas.addEventListener("pointermove", (event) => {
      if (event.buttons) turn(event.movementX / 100, event.movementY / 100);
    });
    canvas.addEventListener("keydown", (event) => {
      const step = { ArrowLeft: [-STEP, 0], ArrowRight: [STEP, 0], ArrowUp: [0, -STEP], ArrowDown: [0, STEP] }[event.key];
      if (!step) return;
      event.preventDefault();
      turn(...step);
    });
    draw();
    view.last = performance.now();
    requestAnimationFrame(frame);
    return true;
  }

  async function open(box, button) {
    button.disabled = true;
    const answer = await fetch(box.dataset.mesh);
    const canvas = document.createElement("canvas");
    [canvas.width, canvas.height] = [640, 480];
    canvas.className = "picture turning";
    canvas.tabIndex = 0;
    canvas.setAttribute("role", "img");
    canvas.setAttribute("aria-label", box.dataset.label);
    if (answer.ok && show(canvas, new Int16Array(await answer.arrayBuffer()))) {
      box.querySelector("img").replaceWith(canvas);
      button.remove();
      canvas.focus({ preventScroll: true });
      canvas.scrollIntoView({ block: "nearest" });
    } else {
      button.textContent = box.dataset.failed;
    }
  }

  function upload(form) {
    const bar = form.querySelector("progress"), checking = form.querySelector("[data-checking]");
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      const sent = new XMLHttpRequest();
      sent.open("POST", form.action);
      sent.responseType = "document";
      bar.hidden = false;
      for (const button of form.querySelectorAll("button")) button.disabled = true;
      sent.upload.addEventListener("progress", (told) => {
        if (told.lengthComputable) bar.value = (100 * told.loaded) / told.total;
      });
      // While it is looked at nobody can say how far that is.
      sent.upload.addEventListener("load", () => {
        bar.removeAttribute("value");
        checking.hidden = false;
      });
      sent.addEventListener("load", () => {
        const main = sent.response && sent.response.querySelector("main");
        if (sent.status < 400) location.assign(sent.responseURL);
        else if (main) {
          document.querySelector("main").replaceWith(main);
          enhance(main);
          const told = main.querySelector("[role=alert]");
          if (told) { told.tabIndex = -1; told.focus(); }
        } else location.reload();
      });
      sent.addEventListener("error", () => {
        bar.hidden = checking.hidden = true;
        for (const button of form.querySelectorAll("button")) button.disabled = false;
        document.getElementById("status").textContent = form.dataset.failed;
      });
      sent.send(new FormData(form));
    });
  }

  function enhance(root) {
    for (const box of root.querySelectorAll("[data-mesh]")) {
      const button = document.createElement("button");
      button.type = "button";
      button.className = "button quiet small";
      button.textContent = box.dataset.turn;
      button.addEventListener("click", () => open(box, button));
      box.append(button);
    }
    root.querySelectorAll("form[data-upload]").forEach(upload);
  }
  enhance(document);
})();
