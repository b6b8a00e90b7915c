// Prints what GraphQL Inspector calls breaking between two schemas: its kind of change, where, and in words.
import { CriticalityLevel, diff } from '@graphql-inspector/core';
import { buildSchema } from 'graphql';
import { readFileSync } from 'node:fs';

const [before, now] = process.argv.slice(2, 4).map((path) => buildSchema(readFileSync(path, 'utf8')));
const changes = await diff(before, now);
const breaking = changes.filter(({ criticality }) => criticality.level === CriticalityLevel.Breaking);
console.log(JSON.stringify(breaking.map(({ type, path, message }) => ({ type, path, message }))));
