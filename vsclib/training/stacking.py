"""Members of an ensemble with their weights in one memory, smaller codes filled up with zeros."""

import dataclasses
from collections.abc import Sequence

import torch
from torch import Tensor

from vsclib import models
from vsclib.errors import ConfigurationError
from vsclib.models import Model, Trainable
from vsclib.training.step_gradient import Tensors, split

SCHEDULED = frozenset(
    "kl_warm_up lam_begin lam_until slope_start slope_end alpha_start alpha_decay gamma_bias "
    "sigma".split()
)
"""Options that schedules, buffers or initial weights hold: members may differ in them freely."""


def check_members(members: Sequence[Trainable]) -> None:
    """Refuse models that cannot be trained as one.

    Raises:
        ConfigurationError: a family that trains alone, a network of one's own, or members that
            differ in more than numbers and the number of latents.
    """
    if not members:
        raise ConfigurationError("models = [] is not allowed: give at least one")
    if len({id(one) for one in members}) < len(members):
        raise ConfigurationError("models holds one model twice: create each member")
    first = members[0]
    for one in members:
        if not isinstance(one, Model) or one.alone:
            reason = getattr(one, "alone", "") or "it is no vsclib.models.Model"
            raise ConfigurationError(
                f"model {one.name!r} takes no part in an ensemble ({reason}): train it with fit"
            )
        if one.config.encoder or one.config.decoder:
            raise ConfigurationError(
                f"model {one.name!r} has a network of its own, which may not be stacked: train it "
                "with fit"
            )
        if type(one) is not type(first):
            raise ConfigurationError(
                f"members are {first.name!r} and {one.name!r}: an ensemble is of one family"
            )
        if _frozen(one) != _frozen(first):
            raise ConfigurationError("members have other frozen weights: freeze the same in each")
    for name in differing(members):
        _check_option(name, members)


def differing(members: Sequence[Trainable]) -> list[str]:
    """The names of the options in which members differ."""
    names = [field.name for field in dataclasses.fields(members[0].config)]
    return [name for name in names if len({repr(getattr(m.config, name)) for m in members}) > 1]


def own_values(members: Sequence[Trainable], device: torch.device) -> Tensors:
    """The options in which members differ and that a step reads, each (E,)."""
    return {
        name: torch.tensor([float(getattr(one.config, name)) for one in members], device=device)
        for name in differing(members)
        if name not in SCHEDULED and name != "latents"
    }


def _check_option(name: str, members: Sequence[Trainable]) -> None:
    values = [getattr(one.config, name) for one in members]
    other = next(value for value in values if value != values[0])
    shown = f"members differ in {name} = {values[0]!r}, {other!r}"
    if name == "latents":
        if any(isinstance(one, Model) and one.resting() is None for one in members):
            raise ConfigurationError(
                f"{shown}: codes of model {members[0].name!r} cannot be filled up; train one "
                "ensemble for each number of latents"
            )
        return
    fields = {field.name: str(field.type) for field in dataclasses.fields(members[0].config)}
    real = "float" in fields[name] and all(type(value) in (int, float) for value in values)
    if name not in SCHEDULED and not real:
        raise ConfigurationError(f"{shown}: members share it; train one ensemble for each")


def _frozen(model: Trainable) -> list[str]:
    return [name for name, weight in model.named_parameters() if not weight.requires_grad]


class Stack:
    """The weights and buffers of members, each stacked along a first axis E.

    As long as a stack is held, the members' own tensors are views of it.

    Args:
        members: models of equal shapes.

    Attributes:
        learned: weights that learn, by name, (E, ...).
        kept: frozen weights and buffers, by name, (E, ...).
    """

    def __init__(self, members: Sequence[Trainable]) -> None:
        self.members = list(members)
        self.learned, self.kept = (
            {name: torch.stack([part[name] for part in parts]) for name in parts[0]}
            for parts in zip(*map(split, members), strict=True)
        )
        for index, member in enumerate(self.members):
            for name, value in _tensors(member).items():
                value.data = (self.learned | self.kept)[name][index]

    def release(self) -> None:
        """Give every member memory of its own again."""
        for member in self.members:
            for value in _tensors(member).values():
                value.data = value.data.clone()
                value.grad = None


def _tensors(model: Trainable) -> Tensors:
    return dict(model.named_parameters()) | dict(model.named_buffers())


# ------------------------------------------------------------------------------- codes filled up


def filled_up(member: Model, latents: int) -> Model:
    """A copy of a model whose code has more latents, all further ones at rest."""
    if member.config.latents == latents:
        return member
    config = dataclasses.asdict(member.config) | {"latents": latents}
    twin = models.rebuild(member.name, config).to(next(member.parameters()).device)
    twin.trained = member.trained
    targets = _tensors(twin)
    with torch.no_grad():
        for name, value in _tensors(member).items():
            if targets[name].shape != value.shape:
                _rest(targets[name], name, member)
            _corner(targets[name], name, value, member).copy_(_by_head(value, name, member))
    for weight, own in zip(twin.parameters(), member.parameters(), strict=True):
        weight.requires_grad_(own.requires_grad)
    return twin


@torch.no_grad()
def give_back(twin: Trainable, member: Model) -> None:
    """Put the weights of a filled-up copy into the model that it stands for."""
    if twin is member:
        return
    sources = _tensors(twin)
    for name, value in _tensors(member).items():
        value.copy_(_corner(sources[name], name, value, member).reshape(value.shape))
    member.trained = twin.trained


def learning(member: Model, twin: Trainable) -> Tensors:
    """Ones where the weights of a filled-up copy learn and zeros where they rest."""
    own, found = dict(member.named_parameters()), {}
    for name, weight in twin.named_parameters():
        found[name] = torch.ones_like(weight).detach()
        if weight.shape != own[name].shape:
            found[name].zero_()
            _corner(found[name], name, own[name], member).fill_(1.0)
    return found


def _rest(target: Tensor, name: str, member: Model) -> None:
    """Zeros, and the biases of the heads at which a latent rests."""
    target.zero_()
    if name == "encoder.head.bias":
        values = torch.tensor(member.resting(), device=target.device)
        target.view(member.heads, -1).copy_(values.unsqueeze(1).expand(member.heads, -1))


def _by_head(value: Tensor, name: str, member: Model) -> Tensor:
    """The weights of the encoder's head with an axis of their own for its vectors."""
    is_head = name.startswith("encoder.head.")
    return value.view(member.heads, -1, *value.shape[1:]) if is_head else value


def _corner(target: Tensor, name: str, value: Tensor, member: Model) -> Tensor:
    """Where a smaller model's weight lies in a larger one's."""
    target = _by_head(target, name, member)
    for axis, size in enumerate(_by_head(value, name, member).shape):
        target = target.narrow(axis, 0, size)
    return target
