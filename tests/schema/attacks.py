"""Documents that nobody sends who means well; each must be refused."""

from schema.documents import LONGEST_DOCUMENT


def fan_out(k: int, leaf: str) -> str:
    """Return k fragments that each reach the next one twice."""
    steps = "".join(f" fragment f{n} on Query {{ ...f{n + 1} ... {{ ...f{n + 1} }} }}" for n in range(k))
    return f"{{ ...f0 }}{steps} fragment f{k} on Query {{ {leaf} }}"


def bushes(k: int) -> str:
    """Return a few fragments that reach the next one k times."""
    steps = "".join(f" fragment b{n} on Query {{ {f'...b{n + 1} ' * k} }}" for n in range(3))
    return f"{{ ...b0 }}{steps} fragment b3 on Query {{ viewer {{ id }} }}"


def chain(k: int) -> str:
    """Return k fragments one within the other."""
    steps = "".join(f" fragment c{n} on Account {{ ...c{n + 1} }}" for n in range(k))
    return f"{{ viewer {{ ...c0 }} }}{steps} fragment c{k} on Account {{ id }}"


def unused(body: str) -> str:
    return f"{{ viewer {{ id }} }} {body}"


PAGE = "edges { node { revisions { author { id } number } } }"
ATTACKS: dict[str, str] = {
    **{f"fan-out of {k}": fan_out(k, "viewer { id }") for k in (10, 20, 25, 40, 49, 100, 200)},
    **{f"fan-out of {k} of a name": fan_out(k, "__typename") for k in (10, 25, 48)},
    **{f"fan-out of {k} of nothing known": fan_out(k, "nothing") for k in (10, 40)},
    **{f"fan-out of {k} into an unknown fragment": fan_out(k, "...unknown") for k in (5, 40)},
    **{f"bushes of {k}": bushes(k) for k in (10, 60, 200)},
    **{f"chain of {k} fragments": chain(k) for k in (48, 100, 200)},
    "fan-out nobody asks for": unused(fan_out(40, "viewer { id }").removeprefix("{ ...f0 }")),
    "fragment that reaches itself": "{ ...a } fragment a on Query { viewer { id } ...a }",
    "fragments that reach each other": (
        "{ ...a } fragment a on Query { ...b } fragment b on Query { viewer { id } ...a }"
    ),
    "fragment that reaches itself below": "{ viewer { ...a } } fragment a on Account { tokens { ...a } }",
    "fragment that reaches itself unused": unused("fragment a on Query { ...a }"),
    "unknown fragment": "{ viewer { ...nobody } }",
    "unknown fragments": "{ viewer { " + "".join(f"...u{n} " for n in range(200)) + "} }",
    "aliases of a root field": "{" + "".join(f"a{n}: viewer {{ id }} " for n in range(31)) + "}",
    "aliases of a name": "{" + "".join(f"a{n}: __typename " for n in range(101)) + "}",
    "aliases of a field": "{ viewer {" + "".join(f"a{n}: id " for n in range(200)) + "} }",
    "aliases through a fragment": "{ viewer { ...a } x: viewer { ...a } y: viewer { ...a } } "
    "fragment a on Account {" + "".join(f"a{n}: id " for n in range(11)) + "}",
    "aliased lists": "query($ids: [ID!]!) {"
    + "".join(f"a{n}: nodes(ids: $ids) {{ id }} " for n in range(30))
    + "}",
    "one field over and over": "query cop { " + "__typename \n " * 500 + "}",
    "one object over and over": "{" + "viewer { id } " * 200 + "}",
    "one object over and over in fragments": "{" + "... on Query { viewer { id } } " * 100 + "}",
    "one field over and over below": "{ viewer { " + "id " * 400 + "} }",
    "objects over and over": "{ viewer { " + "tokens { id name scopes } " * 60 + "} }",
    "many fields": "{ viewer { " + "".join(f"f{n} " for n in range(300)) + "} }",
    "many fields nobody asks for": unused(
        "query b { viewer { " + "".join(f"f{n} " for n in range(300)) + "} }"
    ),
    "many root fields": "{" + "".join(f"f{n} " for n in range(25)) + "}",
    "directives at one field": "{ __typename " + "@aa" * 10 + " }",
    "directives of ours at one field": "{ __typename " + "@include(if: true) " * 50 + " }",
    "directives at a fragment": "{ ..." + " @skip(if: false)" * 20 + " { __typename } }",
    "directives everywhere": "{ viewer { " + "".join(f"f{n} @aa " for n in range(60)) + "} }",
    "directives at an operation": "query " + "@aa " * 60 + "{ __typename }",
    "lists in lists": "{ cases(first: 100) { edges { node { revisions { author { tokens { id } } } } } } }",
    "pages in lists": f"{{ cases(first: 100) {{ {PAGE} }} a: cases(first: 100) {{ {PAGE} }} }}",
    "a huge page": "{ cases(first: 2000000) { edges { node { id } } } }",
    "a page of endless digits": "{ cases(first: " + "9" * 5000 + ") { edges { node { id } } } }",
    "a huge page by default": "query($n: Int = 2000000) { cases(first: $n) { edges { node { id } } } }",
    "a huge page from the end": "{ cases(last: 1000000) { edges { node { id } } } }",
    "a huge page behind a fragment": "{ ...a } fragment a on Query { "
    "cases(first: 90000) { ...b } } fragment b on CaseConnection { edges { node { id } } }",
    "deep objects": "{" + "viewer {" * 150 + "id" + "}" * 150 + "}",
    "deeper than the parser goes": "{" + "a {" * 450 + "a" + "}" * 450 + "}",
    "deep inline fragments": "{" + "... {" * 60 + "__typename" + "}" * 60 + "}",
    "deep lists": "{ nodes(ids: " + "[" * 450 + "]" * 450 + ") { id } }",
    "deep input objects": "{ cases(filter: " + "{a: " * 120 + "1" + "}" * 120 + ") { totalCount } }",
    "deep types of a variable": "query($a: " + "[" * 300 + "Int" + "]" * 300 + ") { viewer { id } }",
    "circular introspection": "{ __schema { types { fields { type { fields { type { fields { type { "
    "fields { type { name } } } } } } } } } } }",
    "circular introspection by fragments": "{ __schema { types { ...a } } } "
    "fragment a on __Type { fields { type { ...b } } } fragment b on __Type { fields { type { ...c } } } "
    "fragment c on __Type { fields { type { name } } }",
    "many input fields": "{ cases(filter: {"
    + " ".join(f"a{n}: 1" for n in range(260))
    + "}) { totalCount } }",
    "one input field twice": '{ cases(filter: {search: "a", search: "b"}) { totalCount } }',
    "one argument twice": '{ case(id: "a", id: "b") { id } }',
    "many arguments": "{ case(" + " ".join(f"a{n}: 1" for n in range(260)) + ") { id } }",
    "many variables": "query(" + " ".join(f"$a{n}: Int" for n in range(200)) + ") { viewer { id } }",
    "one variable twice": "query($a: Int, $a: Int) { cases(first: $a) { totalCount } }",
    "many operations": " ".join(f"query q{n} {{ __typename }}" for n in range(60)),
    "one name for two operations": "query a { __typename } query a { __typename }",
    "operations without a name": "{ __typename } { __typename }",
    "a long text": '{ node(id: "' + "x" * LONGEST_DOCUMENT + '") { id } }',
    "a megabyte of text": '{ node(id: "' + "x" * 1_000_000 + '") { id } }',
    "a megabyte of block text": '{ node(id: """' + "x\n" * 500_000 + '""") { id } }',
    "a megabyte of comments": "#" * 1_000_000 + "\n{ __typename }",
    "a megabyte of commas": "{ __typename " + "," * 1_000_000 + "}",
    "many tokens": "{" + "a " * 1_500 + "}",
    "a text of another type": '{ cases(first: "ten") { totalCount } }',
    "a list of another type": "{ cases(first: [1]) { totalCount } }",
    "a number for an enum": "{ cases(orderBy: {field: 1, direction: ASC}) { totalCount } }",
    "conflicting fields": "{" + "".join(f'case(id: "{n}") {{ id }} ' for n in range(15)) + "}",
    "nothing": "{ }",
    "control characters": "{ view\u0000er { id } }",
    "half a document": "{ viewer { ",
    "a definition of a type": "type Query { a: Int }",
    "deferred": "{ viewer { id ... @defer { displayName } } }",
}
