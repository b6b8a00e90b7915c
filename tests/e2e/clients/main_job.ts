// The main job in TypeScript, with nothing but fetch and the types made of the schema.
import type { TypedDocumentNode } from '@graphql-typed-document-node/core';
import { print } from 'graphql';
import { openAsBlob } from 'node:fs';
import { basename } from 'node:path';
import * as api from './operations.js';

const [, , address, token, ...pictures] = process.argv as [string, string, string, string, ...string[]];

type Answer<Data> = { data?: Data; errors?: { message: string; extensions: { code: string } }[] };
type Named = { __typename: string };

/** Asks one operation; a file among the variables goes along as a part of its own. */
async function ask<Data, Variables>(document: TypedDocumentNode<Data, Variables>, variables: Variables, file?: File): Promise<Data> {
  const operation = JSON.stringify({ query: print(document), variables });
  const body = new FormData();
  if (file) {
    body.append('operations', operation);
    body.append('map', JSON.stringify({ file: ['variables.input.file'] }));
    body.append('file', file);
  }
  const headers = { authorization: `Bearer ${token}`, ...(file ? {} : { 'content-type': 'application/json' }) };
  const response = await fetch(address, { method: 'POST', headers, body: file ? body : operation });
  const { data, errors } = (await response.json()) as Answer<Data>;
  if (!data || errors) throw new Error(errors?.map((each) => `${each.extensions.code}: ${each.message}`).join('; '));
  return data;
}

/** Narrows a mutation's union to the object that was wanted; a refusal is thrown. */
function made<Result extends Named, Name extends Result['__typename']>(result: Result, name: Name): Extract<Result, { __typename: Name }> {
  if (result.__typename !== name) throw new Error(JSON.stringify(result));
  return result as Extract<Result, { __typename: Name }>;
}

async function build(): Promise<string> {
  const created = await ask(api.CreateCaseDocument, { input: { name: 'Cas de TypeScript' } });
  const caseId = made(created.createCase, 'Case').id;
  for (const path of pictures) {
    const file = new File([await openAsBlob(path)], basename(path));
    const { addRecording } = await ask(api.AddRecordingDocument, { input: { caseId, file } }, file);
    made(addRecording, 'Case');
  }
  const annotations: api.AnnotationInput[] = [{ conceptId: 'LBBB' }, { conceptId: 'SINUS_RHYTHM', coefficient: 0.5 }];
  const { addAnnotations } = await ask(api.AddAnnotationsDocument, { input: { caseId, annotations } });
  const { revision } = made(addAnnotations, 'Case');
  const { validateCase } = await ask(api.ValidateCaseDocument, { input: { id: caseId, revision } });
  made(validateCase, 'Case');
  const input: api.CreateSessionInput = { name: 'TypeScript', difficulty: 'ADVANCED', timeLimitMinutes: 30, caseIds: [caseId] };
  return made((await ask(api.CreateSessionDocument, { input })).createSession, 'Session').id;
}

async function take(sessionId: string): Promise<void> {
  const enrolment = await ask(api.EnrolDocument, { input: { sessionId, externalId: 'ts-1', displayName: 'TypeScript 1' } });
  const enrolmentId = made(enrolment.enrolParticipant, 'Enrolment').id;
  const attempt = made((await ask(api.StartAttemptDocument, { input: { enrolmentId } })).startAttempt, 'Attempt');
  for (const { position, answer } of attempt.items) {
    const input = { attemptId: attempt.id, position, text: 'Bloc de branche gauche', revision: answer.revision };
    made((await ask(api.SaveAnswerDocument, { input })).saveAnswer, 'Answer');
  }
  const input = { attemptId: attempt.id, idempotencyKey: 'ts-1' };
  made((await ask(api.SubmitAttemptDocument, { input })).submitAttempt, 'Attempt');
}

async function refused(): Promise<{ typename: string; code: string; fields: string[] }> {
  const { createCase } = await ask(api.CreateCaseDocument, { input: { name: 'x'.repeat(300) } });
  if (createCase.__typename === 'Case') throw new Error('a name of 300 characters was accepted');
  const fields = createCase.__typename === 'ValidationErrors' ? createCase.fields.map(({ path, code }) => `${path.join('.')}: ${code}`) : [];
  return { typename: createCase.__typename, code: createCase.code, fields };
}

const sessionId = await build();
await take(sessionId);
const { session } = await ask(api.GradesDocument, { sessionId });
console.log(JSON.stringify({ session, refused: await refused() }));
