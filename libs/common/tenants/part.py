"""What every part of a bundle is: a frozen value, strict about types and about keys; and the texts it is made of."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Text = Annotated[str, Field(min_length=1, max_length=500)]
Word = Annotated[str, Field(min_length=2, max_length=80)]
Identifier = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,31}$")]
CannedReply = Annotated[str, Field(min_length=6, max_length=499)]


class Part(BaseModel):
    """A part of a bundle: nothing in it changes once it is made, and an unknown key is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)
