// API client with Basic authentication, for test fixtures.
export class Api {
  constructor(url, user, password) {
    this.url = url;
    this.basic = `Basic ${Buffer.from(`${user}:${password}`).toString("base64")}`;
  }

  async send(method, path, body) {
    const response = await fetch(`${this.url}/api${path}`, {
      method,
      headers: { Authorization: this.basic, "Content-Type": "application/json" },
      body: body === undefined ? undefined : JSON.stringify(body),
    });
    const words = await response.text();
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${words}`);
    return words ? JSON.parse(words) : undefined;
  }
}
