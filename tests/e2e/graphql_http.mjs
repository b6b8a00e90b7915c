// Runs the server audits of npm's graphql-http against an address, with a token, and prints what each found.
import { serverAudits } from 'graphql-http';

const [url, token] = process.argv.slice(2);
const fetchFn = (address, options = {}) =>
  fetch(address, { ...options, headers: { ...options.headers, authorization: `Bearer ${token}` } });
const results = await Promise.all(serverAudits({ url, fetchFn }).map(({ fn }) => fn()));
console.log(JSON.stringify(results.map(({ id, name, status, reason }) => ({ id, name, status, reason }))));
