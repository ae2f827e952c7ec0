// Dots by WebGL 2: all epochs of a run are in one buffer, and the vertex shader mixes two of them.

const VERTEX = `#version 300 es
in vec2 from;
in vec2 to;
in float chosen;
uniform float part, step_, missing, size, pass_;
uniform vec4 limits;
void main() {
  bool gone = from.x == missing || (part > 0.0 && to.x == missing) || chosen != pass_;
  vec2 value = mix(from, to, part) * step_ - 1.0;
  vec2 place = 2.0 * (value - limits.xy) / limits.zw - 1.0;
  gl_Position = gone ? vec4(2.0, 2.0, 2.0, 1.0) : vec4(place, 0.0, 1.0);
  gl_PointSize = size;
}`;
const FRAGMENT = `#version 300 es
precision mediump float;
uniform vec4 color;
out vec4 result;
void main() {
  vec2 offset = gl_PointCoord - 0.5;
  if (dot(offset, offset) > 0.25) discard;
  result = vec4(color.rgb * color.a, color.a);
}`;

// Returns what draws the dots of a series on a canvas, or null where WebGL 2 is missing.
export function glDots(canvas, report, series, n) {
  const gl = canvas.getContext("webgl2", { antialias: false, premultipliedAlpha: true });
  if (!gl) return null;
  const program = linked(gl);
  if (!program) return null;
  const place = (name) => gl.getUniformLocation(program, name);
  const uniforms = Object.fromEntries(
    ["part", "step_", "missing", "size", "pass_", "limits", "color"].map((name) => [name, place(name)]),
  );
  const pairs = new Uint16Array(2 * series.s_ap.length);
  for (let at = 0; at < series.s_ap.length; at += 1) {
    pairs[2 * at] = series.s_ap[at];
    pairs[2 * at + 1] = series.s_an[at];
  }
  const dots = gl.createBuffer();
  gl.bindBuffer(gl.ARRAY_BUFFER, dots);
  gl.bufferData(gl.ARRAY_BUFFER, pairs, gl.STATIC_DRAW);
  const flags = gl.createBuffer();
  gl.bindBuffer(gl.ARRAY_BUFFER, flags);
  gl.bufferData(gl.ARRAY_BUFFER, new Uint8Array(n), gl.DYNAMIC_DRAW);

  function bind(name, buffer, size, kind, offset) {
    const at = gl.getAttribLocation(program, name);
    gl.bindBuffer(gl.ARRAY_BUFFER, buffer);
    gl.enableVertexAttribArray(at);
    gl.vertexAttribPointer(at, size, kind, false, 0, offset);
  }

  return {
    kind: "webgl",
    mark(chosen) {
      gl.bindBuffer(gl.ARRAY_BUFFER, flags);
      gl.bufferSubData(gl.ARRAY_BUFFER, 0, chosen);
    },
    draw({ from, to, part }, limits, layers) {
      gl.viewport(0, 0, canvas.width, canvas.height);
      gl.clearColor(0, 0, 0, 0);
      gl.clear(gl.COLOR_BUFFER_BIT);
      gl.useProgram(program);
      gl.enable(gl.BLEND);
      gl.blendFunc(gl.ONE, gl.ONE_MINUS_SRC_ALPHA);
      bind("from", dots, 2, gl.UNSIGNED_SHORT, from * n * 4);
      bind("to", dots, 2, gl.UNSIGNED_SHORT, to * n * 4);
      bind("chosen", flags, 1, gl.UNSIGNED_BYTE, 0);
      gl.uniform1f(uniforms.part, part);
      gl.uniform1f(uniforms.step_, report.similarity.step);
      gl.uniform1f(uniforms.missing, report.similarity.missing);
      gl.uniform4f(uniforms.limits, limits.left, limits.bottom, limits.right - limits.left, limits.top - limits.bottom);
      layers.forEach(({ color, size }, pass) => {
        gl.uniform1f(uniforms.pass_, pass);
        gl.uniform1f(uniforms.size, size);
        gl.uniform4f(uniforms.color, ...color);
        gl.drawArrays(gl.POINTS, 0, n);
      });
    },
  };
}

function linked(gl) {
  const program = gl.createProgram();
  for (const [kind, text] of [[gl.VERTEX_SHADER, VERTEX], [gl.FRAGMENT_SHADER, FRAGMENT]]) {
    const shader = gl.createShader(kind);
    gl.shaderSource(shader, text);
    gl.compileShader(shader);
    gl.attachShader(program, shader);
  }
  gl.linkProgram(program);
  return gl.getProgramParameter(program, gl.LINK_STATUS) ? program : null;
}
