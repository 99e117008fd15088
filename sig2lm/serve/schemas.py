"""What clients send and what they get: the shapes of OpenAI's API, with signals as content parts.

Unknown fields are refused; those of OpenAI's that mean nothing here may have the value that asks for nothing.
"""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from sig2lm.quantities import Check

Text = Annotated[str, Field(max_length=20_000)]
Name = Annotated[str, Field(max_length=200)]


class _Sent(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class SignalPayload(_Sent):
    """A recording as numbers."""

    name: Name | None = Field(None, description="Which of the model's signals; not needed where it reads one.")
    values: list[list[float | None]] = Field(
        min_length=1, max_length=4096, description="Channels first; null is a missing sample."
    )
    sampling_rate: float | None = Field(None, description="Hz; none for series of events.")
    period: float | None = Field(None, description="Seconds between slow rows, 86400 for days.")
    channels: list[Name] | None = Field(None, description="By default those that the model reads.")
    units: list[Name] | None = Field(None, description="By default those that the model reads.")
    believe: bool = Field(False, description="Take values that cannot be what they are said to be.")


class TextPart(_Sent):
    """Words."""

    type: Literal["text"]
    text: Text


class SignalPart(_Sent):
    """A recording: its numbers, or the id that ``/v1/signals`` gave it."""

    type: Literal["signal"]
    signal: SignalPayload | None = None
    signal_id: Name | None = None


class Message(_Sent):
    """A turn of the conversation; recordings come in the user's."""

    role: Literal["user", "assistant", "system", "developer"]
    content: Text | Annotated[list[Annotated[TextPart | SignalPart, Field(discriminator="type")]], Field(max_length=64)]
    name: Name | None = None


class StreamOptions(_Sent):
    """What a stream ends with."""

    include_usage: bool = False


class ChatRequest(_Sent):
    """A question behind a conversation."""

    model: Name
    messages: list[Message] = Field(min_length=1, max_length=129)
    stream: bool = False
    stream_options: StreamOptions | None = None
    max_tokens: int | None = Field(None, ge=1, le=1_000_000)
    max_completion_tokens: int | None = Field(None, ge=1, le=1_000_000)
    temperature: float | None = Field(None, ge=0, le=2)
    top_p: float | None = Field(None, gt=0, le=1)
    seed: int | None = Field(None, ge=-(2**63), lt=2**63)
    choices: list[Text] | None = Field(
        None, min_length=2, max_length=256, description="Closed answers, by likelihood; a field of sig2lm's own."
    )
    facts: dict[Name, Text] | None = Field(
        None, description="What else is known, for templates that state it; a field of sig2lm's own."
    )
    coverage: float | None = Field(
        None,
        gt=0,
        lt=1,
        description="For a first question whose answers are the labels: a set of labels that holds the right one at "
        "least so often, over people like those of validation. A field of sig2lm's own.",
    )
    reliance: bool = Field(
        False,
        description="Whether each answer relies on the signal, and not answers among the labels alone; takes longer. "
        "A field of sig2lm's own.",
    )
    n: Literal[1] | None = None
    logprobs: Literal[False] | None = None
    user: Name | None = None

    @property
    def writing(self) -> dict[str, Any]:
        """Options of free text, as ``generate`` calls them; the likeliest words unless a drawing is asked for."""
        given = {
            "max_new_tokens": self.max_completion_tokens or self.max_tokens,
            "temperature": self.temperature or None,
            "top_p": self.top_p,
        }
        options: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
        drawn = self.temperature != 0 and ("temperature" in options or options.get("top_p", 1) < 1)
        return {**options, "do_sample": True} if drawn else {k: v for k, v in options.items() if k != "top_p"}


class Usage(BaseModel):
    """Tokens, virtual ones of recordings included."""

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int


class Details(BaseModel):
    """What sig2lm knows of an answer beside its text."""

    label: str | None
    probabilities: dict[str, float] | None
    logprobs: dict[str, float] | None
    label_set: list[str] | None = None
    checks: list[Check] = []
    relies_on_signal: bool | None = None
    notes: list[str] = []


class Said(BaseModel):
    """The message of a completion."""

    role: Literal["assistant"] = "assistant"
    content: str
    refusal: None = None


class Choice(BaseModel):
    """The one answer."""

    index: Literal[0] = 0
    message: Said
    finish_reason: Literal["stop", "length"]
    logprobs: None = None


class ChatCompletion(BaseModel):
    """An answer."""

    id: str
    object: Literal["chat.completion"] = "chat.completion"
    created: int
    model: str
    choices: list[Choice]
    usage: Usage
    sig2lm: Details


class ModelCard(BaseModel):
    """What is asked here."""

    id: str
    object: Literal["model"] = "model"
    created: int
    owned_by: Literal["sig2lm"] = "sig2lm"
    signals: dict[str, dict[str, Any]]
    questions: list[str]
    labels: list[str]


class ModelList(BaseModel):
    """The models of this server: one."""

    object: Literal["list"] = "list"
    data: list[ModelCard]


class SignalCard(BaseModel):
    """A recording that the server keeps."""

    id: str
    object: Literal["signal"] = "signal"
    created: int
    name: str
    channels: list[str]
    units: list[str]
    sampling_rate: float | None
    period: float | None
    num_samples: int
    prefilled: bool
    notes: list[str]


class Deleted(BaseModel):
    """A recording that the server has let go."""

    id: str
    object: Literal["signal.deleted"] = "signal.deleted"
    deleted: Literal[True] = True


class Health(BaseModel):
    """Whether questions are answered."""

    status: Literal["ok", "stopping"]
    model: str


class ErrorDetail(BaseModel):
    """What is wrong, in a line."""

    message: str
    type: str
    param: str | None = None
    code: str | None = None


class ErrorBody(BaseModel):
    """An error as OpenAI's clients read it."""

    error: ErrorDetail
