import graphql
