// Writes the TypeScript types of the main job's operations, as graphql-codegen makes them from what the site says of itself.
import { codegen } from '@graphql-codegen/core';
import * as typedDocumentNode from '@graphql-codegen/typed-document-node';
import * as typescriptOperations from '@graphql-codegen/typescript-operations';
import { buildClientSchema, getIntrospectionQuery, parse, printSchema } from 'graphql';
import { readFileSync, writeFileSync } from 'node:fs';

const [address, token, operations, filename] = process.argv.slice(2);
const answer = await fetch(address, {
  method: 'POST',
  headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
  body: JSON.stringify({ query: getIntrospectionQuery() }),
});
const schema = buildClientSchema((await answer.json()).data);
const text = await codegen({
  schema: parse(printSchema(schema)),
  schemaAst: schema,
  documents: [{ location: operations, document: parse(readFileSync(operations, 'utf8')) }],
  filename,
  config: {
    strictScalars: true,
    scalars: { Date: 'string', DateTime: 'string', JSON: 'unknown', MeasuredValue: 'number | string', Upload: 'File' },
    enumsAsTypes: true,
    useTypeImports: true,
  },
  plugins: [{ typescriptOperations: {} }, { typedDocumentNode: {} }],
  pluginMap: { typescriptOperations, typedDocumentNode },
});
writeFileSync(filename, text);
console.log('{}');
