// fetch as a web page has it: Node's asks nobody's leave, a browser asks the server (CORS) and refuses without.

// pageFetch wraps fetch for a page that comes from origin.
export function pageFetch(fetch, origin) {
  const allowed = new Map();
  const check = (answer, what) => {
    const allows = answer.headers.get("access-control-allow-origin");
    if (allows !== "*" && allows !== origin) throw new Error(`CORS: ${what} allows the origin ${allows}, not ${origin}`);
    return answer;
  };
  const preflight = async (url, method) => {
    const ask = { origin, "access-control-request-method": method, "access-control-request-headers": "content-type" };
    const answer = check(await fetch(url, { method: "OPTIONS", headers: ask }), `OPTIONS ${url}`);
    const headers = answer.headers.get("access-control-allow-headers") ?? "";
    if (!answer.ok || !headers.toLowerCase().includes("content-type")) {
      throw new Error(`CORS: OPTIONS ${url} answers ${answer.status} and allows the headers "${headers}", not content-type`);
    }
  };
  return async (url, init = {}) => {
    const { method = "GET" } = init;
    const headers = new Headers(init.headers);
    if (headers.get("content-type")?.includes("json")) {
      const key = `${method} ${url}`;
      if (!allowed.has(key)) allowed.set(key, preflight(url, method));
      await allowed.get(key);
    }
    headers.set("origin", origin);
    return check(await fetch(url, { ...init, headers }), `${method} ${url}`);
  };
}
