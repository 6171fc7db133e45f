"""Every Cypher statement of Tessera, one per file, with the catalogue that loads them."""

from cypher.catalogue import UnknownStatement, load, names, readable
from cypher.parameters import ParameterError, bind
from cypher.statement import Column, Parameter, Statement

__all__ = ["Column", "Parameter", "ParameterError", "Statement", "UnknownStatement", "bind", "load", "names", "readable"]
