// The connection to the hub: token to cookie, WebSocket, and again when it is lost.

export class Link {
  constructor({ onFrame, onText, onState }) {
    this.onFrame = onFrame;
    this.onText = onText;
    this.onState = onState;
    this.socket = null;
    this.wait = 250;
  }

  async open() {
    const token = new URLSearchParams(location.hash.slice(1)).get("token");
    if (token) {
      const answer = await fetch("/session", { headers: { "X-Weaver-Token": token } });
      if (answer.status === 403) return this.onState("refused");
      // Out of the address bar and the history: whoever looks over the shoulder cannot take it along.
      history.replaceState(null, "", location.pathname);
    }
    this.connect();
  }

  connect() {
    const scheme = location.protocol === "https:" ? "wss" : "ws";
    const socket = new WebSocket(`${scheme}://${location.host}/ws`);
    socket.binaryType = "arraybuffer";
    let opened = false;
    socket.onopen = () => {
      opened = true;
      this.wait = 250;
      this.onState("connected");
    };
    socket.onmessage = ({ data }) => (typeof data === "string" ? this.onText(JSON.parse(data)) : this.onFrame(data));
    socket.onclose = () => {
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
