// Apollo Client, without React: `main-job` does an outside system's work, `pages` walks through all cases while others
// come and go. Prints what it ends with as JSON.
import { ApolloClient, InMemoryCache } from '@apollo/client/core';
import { relayStylePagination } from '@apollo/client/utilities';
import UploadHttpLink from 'apollo-upload-client/UploadHttpLink.mjs';
import { parse, separateOperations, visit } from 'graphql';
import { openAsBlob, readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { filter, firstValueFrom } from 'rxjs';

const [job, uri, token, schema, ...given] = process.argv.slice(2);
const [direction] = given;
const operations = separateOperations(parse(readFileSync(new URL('main_job.graphql', import.meta.url), 'utf8')));
const client = new ApolloClient({
  link: new UploadHttpLink({ uri, headers: { authorization: `Bearer ${token}` } }),
  cache: new InMemoryCache({
    possibleTypes: possibleTypes(parse(readFileSync(schema, 'utf8'))),
    typePolicies: { Query: { fields: { cases: relayStylePagination(['filter', 'orderBy']) } } },
  }),
});

function possibleTypes(document) {
  const found = {};
  const add = (abstract, name) => (found[abstract] ??= []).push(name);
  visit(document, {
    ObjectTypeDefinition: ({ name, interfaces }) => interfaces.forEach((each) => add(each.name.value, name.value)),
    UnionTypeDefinition: ({ name, types }) => types.forEach((each) => add(name.value, each.name.value)),
  });
  return found;
}

async function change(name, input) {
  const { data } = await client.mutate({ mutation: operations[name], variables: { input } });
  const [value] = Object.values(data);
  if ('code' in value) throw new Error(`${name}: ${JSON.stringify(value)}`);
  return value;
}

async function mainJob() {
  const { id: caseId } = await change('CreateCase', { name: 'Cas d’Apollo' });
  for (const path of given)
    await change('AddRecording', { caseId, file: new File([await openAsBlob(path)], basename(path)) });
  const annotations = ['LBBB', 'SINUS_RHYTHM'].map((conceptId) => ({ conceptId }));
  const { revision } = await change('AddAnnotations', { caseId, annotations });
  await change('ValidateCase', { id: caseId, revision });
  const session = { name: 'Apollo', difficulty: 'BEGINNER', timeLimitMinutes: 30, caseIds: [caseId] };
  const { id: sessionId } = await change('CreateSession', session);
  const { id: enrolmentId } = await change('Enrol', { sessionId, externalId: 'apollo-1', displayName: 'Apollo 1' });
  const attempt = await change('StartAttempt', { enrolmentId });
  const text = 'Bloc de branche gauche';
  await change('SaveAnswer', { attemptId: attempt.id, position: 1, text, revision: 0 });
  await change('SubmitAttempt', { attemptId: attempt.id, idempotencyKey: 'apollo-1' });
  const { data } = await client.query({ query: operations.Grades, variables: { sessionId } });
  const cache = client.cache.extract();
  return {
    grades: data.session,
    case: cache[client.cache.identify({ __typename: 'Case', id: caseId })],
    attempt: cache[client.cache.identify({ __typename: 'Attempt', id: attempt.id })],
  };
}

// Reads all cases page by page. Between pages the next unread one is deleted, one is made right after where the reading
// stands and one before all others.
async function pages() {
  const forward = direction === 'forward';
  const [operation, size, cursor] = forward ? ['CasesForward', 'first', 'after'] : ['CasesBackward', 'last', 'before'];
  const query = operations[operation];
  const variables = { [size]: 60 };
  const watched = client.watchQuery({ query, variables });
  const reading = watched.subscribe(() => {});
  await firstValueFrom(watched.pipe(filter(({ loading }) => !loading)));
  const shown = () => client.readQuery({ query, variables }).cases;
  const [made, deleted] = [[], []];
  while (forward ? shown().pageInfo.hasNextPage : shown().pageInfo.hasPreviousPage) {
    const { edges, pageInfo } = shown();
    const place = { [cursor]: forward ? pageInfo.endCursor : pageInfo.startCursor };
    const unread = await client.query({ query, variables: { [size]: 1, ...place }, fetchPolicy: 'no-cache' });
    const [{ node: next }] = unread.data.cases.edges;
    await change('DeleteCase', { id: next.id });
    deleted.push(next.name);
    for (const name of [`${edges.at(forward ? -1 : 0).node.name} bis`, `Avant ${direction} ${edges.length}`])
      made.push((await change('CreateCase', { name })).name);
    await watched.fetchMore({ variables: { ...variables, ...place } });
  }
  reading.unsubscribe();
  return { names: shown().edges.map(({ node }) => node.name), made, deleted };
}

console.log(JSON.stringify(await { 'main-job': mainJob, pages }[job]()));
process.exit();
