import graphviz

graphviz.Digraph().render("/tmp/out")
