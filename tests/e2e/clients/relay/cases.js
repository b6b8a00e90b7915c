// A page of an author's cases as somebody would write it for Relay; only the compiler reads it.
import { graphql } from 'relay-runtime';

graphql`
  query casesPageQuery($sessionId: ID!) {
    viewer {
      id
      displayName
    }
    ...casesList
    session: node(id: $sessionId) {
      id
      ...casesSession @alias
    }
  }
`;

graphql`
  fragment casesList on Query
  @refetchable(queryName: "casesListQuery")
  @argumentDefinitions(first: { type: "Int", defaultValue: 20 }, after: { type: "String" }, filter: { type: "CaseFilter" }) {
    cases(first: $first, after: $after, filter: $filter, orderBy: { field: NAME, direction: ASC })
      @connection(key: "casesList_cases", filters: ["filter"]) {
      totalCount
      edges {
        node {
          id
          ...casesRow
        }
      }
    }
  }
`;

graphql`
  fragment casesRow on Case @refetchable(queryName: "casesRowQuery") {
    name
    status
    recordings {
      thumbnailUrl
    }
    annotations {
      concept {
        label
      }
    }
  }
`;

graphql`
  fragment casesSession on Session
  @refetchable(queryName: "casesSessionQuery")
  @argumentDefinitions(last: { type: "Int", defaultValue: 20 }, before: { type: "String" }) {
    attempts(last: $last, before: $before) @connection(key: "casesSession_attempts") {
      edges {
        node {
          id
          score
          outline {
            sessionId
            name
          }
        }
      }
    }
  }
`;

graphql`
  fragment casesRefused on Refusal {
    code
    message
    ... on ValidationErrors {
      fields {
        path
        message
      }
    }
  }
`;

graphql`
  mutation casesCreateMutation($input: CreateCaseInput!) {
    createCase(input: $input) {
      __typename
      ... on Case {
        id
        ...casesRow @alias
      }
      ...casesRefused @alias
    }
  }
`;

graphql`
  mutation casesDeleteMutation($input: DeleteCaseInput!, $connections: [ID!]!) {
    deleteCase(input: $input) {
      __typename
      ... on DeletedCase {
        caseId @deleteRecord @deleteEdge(connections: $connections)
      }
      ...casesRefused @alias
    }
  }
`;

graphql`
  subscription casesActivitySubscription($sessionId: ID!) {
    sessionActivity(sessionId: $sessionId) {
      sequence
      attempt {
        id
        state
        answeredCount
      }
    }
  }
`;
