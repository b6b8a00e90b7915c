// Runs the server audits of npm's graphql-http against an address, with a token, and prints what each found:
// one after the other, since all at once are more than a slow machine takes on.
import { serverAudits } from 'graphql-http';

const [url, token] = process.argv.slice(2);
const fetchFn = (address, options = {}) =>
  fetch(address, { ...options, headers: { ...options.headers, authorization: `Bearer ${token}` } });
const results = [];
for (const { id, name, fn } of serverAudits({ url, fetchFn })) {
  const { status, reason } = await fn();
  results.push({ id, name, status, reason });
}
console.log(JSON.stringify(results));
