"""Advertising platforms that take lists of hashed e-mails and telephones: the rules of each, and the rows made by them."""

from graph.privacy.platforms.accounts import Accounts
from graph.privacy.platforms.rules import PLATFORMS, Platform

__all__ = ["PLATFORMS", "Accounts", "Platform"]
