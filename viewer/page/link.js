// The connection to the hub: token to cookie, WebSocket, and again when it is lost.

const WRONG = 1008; // the close code of a message that was out of place

export class Link {
  // onFrame(ArrayBuffer), onText(object), onState("connected" | "lost" | "absent" | "refused")
  constructor({ onFrame, onText, onState }) {
    Object.assign(this, { onFrame, onText, onState });
    this.socket = null;
    this.wait = 250;
    const told = new URLSearchParams(location.hash.slice(1));
    this.token = told.get("token");
    this.packed = told.get("s"); // what a shared link restores
    this.embedded = told.has("embed");
    this.enters = this.embedded && Boolean(this.token);
  }

  async open() {
    if (this.token) {
      // In a frame of another site the cookie would not come back: there the token goes as the first message.
      if (!this.embedded) {
        const answer = await fetch(new URL("session", location.href), { headers: { "X-Weaver-Token": this.token } });
        if (answer.status === 403) return this.onState("refused");
      }
      // Out of the address bar and the history: whoever looks over the shoulder cannot take it along.
      const rest = [this.packed && `s=${this.packed}`, this.embedded && "embed"].filter(Boolean).join("&");
      history.replaceState(null, "", location.pathname + (rest && `#${rest}`));
      if (!this.embedded) this.token = null;
    }
    this.connect();
  }

  connect() {
    const address = new URL("ws", location.href);
    address.protocol = location.protocol === "https:" ? "wss:" : "ws:";
    address.hash = "";
    const socket = new WebSocket(address);
    socket.binaryType = "arraybuffer";
    let opened = false, heard = false;
    socket.onopen = () => {
      opened = true;
      this.wait = 250;
      if (this.enters) socket.send(JSON.stringify({ op: "enter", token: this.token }));
      this.onState("connected");
    };
    socket.onmessage = ({ data }) => {
      heard = true;
      if (typeof data === "string") this.onText(JSON.parse(data));
      else this.onFrame(data);
    };
    socket.onclose = ({ code }) => {
      // Whoever holds a cookie of this hub already need not, and may not, enter again.
      if (this.enters && !heard && code === WRONG) this.enters = false;
      this.onState(opened ? "lost" : "absent");
      setTimeout(() => this.connect(), this.wait);
      this.wait = Math.min(2 * this.wait, 5000);
    };
    this.socket = socket;
  }

  send(command) {
    if (this.socket?.readyState === WebSocket.OPEN) this.socket.send(JSON.stringify(command));
  }
}
