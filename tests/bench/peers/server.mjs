// node server.mjs yoga|mercurius memory|sqlite PORT: the page of cases from npm's GraphQL servers, same bytes.
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { DatabaseSync } from "node:sqlite";

const [framework, source, port] = process.argv.slice(2);
const typeDefs = readFileSync(new URL("schema.graphql", import.meta.url), "utf8");

/** The product's answer, as objects. */
function fromMemory() {
  const { cases } = JSON.parse(readFileSync(process.env.BENCH_ANSWER, "utf8")).data;
  return () => cases;
}

/** The same from the tables that Strawberry + SQLModel reads: two statements, whatever the number of cases. */
function fromSqlite() {
  const database = new DatabaseSync(process.env.BENCH_DATABASE);
  const cases = database.prepare(
    "SELECT id, cursor, name, category, difficulty, status, revision, updated_at FROM caserow ORDER BY position LIMIT ?",
  );
  const annotations = database.prepare(
    "SELECT id, case_id, code, label, confidence, coefficient, role FROM annotationrow " +
      "WHERE case_id IN (SELECT value FROM json_each(?)) ORDER BY position",
  );
  return ({ first }) => {
    const rows = cases.all(first + 1);
    const shown = rows.slice(0, first);
    const byCase = new Map(shown.map((row) => [row.id, []]));
    for (const row of annotations.all(JSON.stringify([...byCase.keys()]))) {
      row.concept = { code: row.code, label: row.label };
      byCase.get(row.case_id).push(row);
    }
    for (const row of shown) {
      row.updatedAt = `${row.updated_at.replace(" ", "T")}+00:00`;
      row.annotations = byCase.get(row.id);
    }
    const edges = shown.map((node) => ({ cursor: node.cursor, node }));
    return { edges, pageInfo: { hasNextPage: rows.length > first, endCursor: edges.at(-1).cursor } };
  };
}

const page = source === "memory" ? fromMemory() : fromSqlite();
const resolvers = { Query: { cases: (_root, given) => page(given) } };

if (framework === "yoga") {
  const { createSchema, createYoga } = await import("graphql-yoga");
  const { useGraphQlJit } = await import("@envelop/graphql-jit");
  const schema = createSchema({ typeDefs, resolvers });
  const yoga = createYoga({ schema, plugins: [useGraphQlJit()], logging: false, landingPage: false });
  createServer(yoga).listen(Number(port), "127.0.0.1");
} else {
  const { default: fastify } = await import("fastify");
  const { default: mercurius } = await import("mercurius");
  const app = fastify();
  await app.register(mercurius, { schema: typeDefs, resolvers, jit: 1 });
  await app.listen({ port: Number(port), host: "127.0.0.1" });
}
