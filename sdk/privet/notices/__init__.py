"""Notices: what people are told, word by word and as data, and whether it is all of it.

A notice is one document per language: a head that programs read, and the text that
people read. The rules of this room:

- A notice is known by its content: one changed letter is another notice.
- What it tells as data is compared with what the policy permits: purposes, categories
  of data, recipients, how long. A policy that permits more than was told is an error.
- Every purpose is asked for by itself, with a yes and a no of equal weight, and nothing
  is ticked before (GDPR Art. 4(11), 7(2), recital 32; CJEU C-673/17).
"""

from privet.notices.comparing import compare
from privet.notices.document import Notice, Telling, load_notice, read_notice

__all__ = ["Notice", "Telling", "compare", "load_notice", "read_notice"]
