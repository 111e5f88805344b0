// The few calls of WebGL that everything here shares: programs, buffers, attributes, textures.

const ATTRIBUTES = [
  "a_position", "a_heading", "a_scalar", "a_scale", "a_row", "a_corner", "a_normal", "a_from", "a_to", "a_colour", "a_width", "a_box", "a_at",
];
const SLOT = Object.fromEntries(ATTRIBUTES.map((name, k) => [name, k]));

export class Card {
  // slow: the processor does the work of the graphics card
  constructor(gl, slow) {
    this.gl = gl;
    this.programs = new Map();
    this.slow = slow;
    gl.pixelStorei(gl.UNPACK_ALIGNMENT, 1);
  }

  // A program in use, and its uniforms; `defines` make variants. Compiled when first needed.
  use(source, ...defines) {
    const key = `${source.name} ${defines}`;
    if (!this.programs.has(key)) this.programs.set(key, this.compile(source, defines));
    const program = this.programs.get(key);
    this.gl.useProgram(program.handle);
    return program.at;
  }

  compile({ vertex, fragment }, defines) {
    const { gl } = this, handle = gl.createProgram();
    for (const [kind, text] of [[gl.VERTEX_SHADER, vertex], [gl.FRAGMENT_SHADER, fragment]]) {
      const shader = gl.createShader(kind);
      gl.shaderSource(shader, `#version 300 es\nprecision highp float;\nprecision highp sampler3D;\n${defines.map((d) => `#define ${d}\n`).join("")}${text}`);
      gl.compileShader(shader);
      if (!gl.getShaderParameter(shader, gl.COMPILE_STATUS)) throw new Error(gl.getShaderInfoLog(shader));
      gl.attachShader(handle, shader);
    }
    for (const name of ATTRIBUTES) gl.bindAttribLocation(handle, SLOT[name], name);
    gl.linkProgram(handle);
    if (!gl.getProgramParameter(handle, gl.LINK_STATUS)) throw new Error(gl.getProgramInfoLog(handle));
    const at = {};
    for (let k = 0; k < gl.getProgramParameter(handle, gl.ACTIVE_UNIFORMS); k++) {
      const { name } = gl.getActiveUniform(handle, k);
      at[name] = gl.getUniformLocation(handle, name);
    }
    return { handle, at };
  }

  buffer() {
    return this.gl.createBuffer();
  }

  fill(buffer, array) {
    this.gl.bindBuffer(this.gl.ARRAY_BUFFER, buffer);
    this.gl.bufferData(this.gl.ARRAY_BUFFER, array, this.gl.DYNAMIC_DRAW);
  }

  // each: 0 a value for each corner, 1 for each instance. kind: of the numbers; whole numbers are taken as shares of 1.
  attribute(name, buffer, width, each = 0, kind = this.gl.FLOAT) {
    const { gl } = this;
    gl.bindBuffer(gl.ARRAY_BUFFER, buffer);
    gl.enableVertexAttribArray(SLOT[name]);
    if (kind === gl.UNSIGNED_INT) gl.vertexAttribIPointer(SLOT[name], width, kind, 0, 0);
    else gl.vertexAttribPointer(SLOT[name], width, kind, kind !== gl.FLOAT, 0, 0);
    gl.vertexAttribDivisor(SLOT[name], each);
  }

  constant(name, ...values) {
    this.gl.disableVertexAttribArray(SLOT[name]);
    this.gl.vertexAttrib4f(SLOT[name], values[0] ?? 0, values[1] ?? 0, values[2] ?? 0, 1);
  }

  // The first attribute of another program may still be switched on: with fewer values than are drawn, nothing would be.
  clear() {
    for (let k = 0; k < ATTRIBUTES.length; k++) {
      this.gl.disableVertexAttribArray(k);
      this.gl.vertexAttribDivisor(k, 0);
    }
  }

  texture(smooth = false, target = this.gl.TEXTURE_2D) {
    const { gl } = this, texture = gl.createTexture();
    gl.bindTexture(target, texture);
    for (const side of [gl.TEXTURE_WRAP_S, gl.TEXTURE_WRAP_T, gl.TEXTURE_WRAP_R]) gl.texParameteri(target, side, gl.CLAMP_TO_EDGE);
    for (const filter of [gl.TEXTURE_MIN_FILTER, gl.TEXTURE_MAG_FILTER]) gl.texParameteri(target, filter, smooth ? gl.LINEAR : gl.NEAREST);
    return texture;
  }

  bind(unit, texture, target = this.gl.TEXTURE_2D) {
    this.gl.activeTexture(this.gl.TEXTURE0 + unit);
    this.gl.bindTexture(target, texture);
  }

  // A picture to draw into instead of the canvas.
  target(width, height, depth) {
    const { gl } = this, texture = this.texture(true), frame = gl.createFramebuffer();
    gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGBA8, width, height, 0, gl.RGBA, gl.UNSIGNED_BYTE, null);
    gl.bindFramebuffer(gl.FRAMEBUFFER, frame);
    gl.framebufferTexture2D(gl.FRAMEBUFFER, gl.COLOR_ATTACHMENT0, gl.TEXTURE_2D, texture, 0);
    if (depth) {
      const kept = gl.createRenderbuffer();
      gl.bindRenderbuffer(gl.RENDERBUFFER, kept);
      gl.renderbufferStorage(gl.RENDERBUFFER, gl.DEPTH_COMPONENT24, width, height);
      gl.framebufferRenderbuffer(gl.FRAMEBUFFER, gl.DEPTH_ATTACHMENT, gl.RENDERBUFFER, kept);
    }
    gl.bindFramebuffer(gl.FRAMEBUFFER, null);
    return { frame, texture, width, height };
  }
}

// Whether WebGL is worked out by the processor: then fewer corners and pixels must do.
export function software() {
  const probe = document.createElement("canvas").getContext("webgl2");
  const name = probe?.getExtension("WEBGL_debug_renderer_info");
  const answer = name ? probe.getParameter(name.UNMASKED_RENDERER_WEBGL) : "";
  probe?.getExtension("WEBGL_lose_context")?.loseContext();
  return /swiftshader|llvmpipe|software|basic render/i.test(answer);
}
