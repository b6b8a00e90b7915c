"""The product: the GraphQL schema and the domain it exposes.

Wider than GraphQL: tables (`models`), rules (`policy`), domain logic (`services`) live here too, and know
nothing of HTTP or HTML. Layers, top to bottom: build, queries/mutations/subscriptions, types, permissions,
context, loaders, services, database, models, policy, pagination/scalars/errors.
"""
