"""Many decision trees as a few arrays: walked for one row in NumPy, for a batch by scikit-learn's own compiled walk.

A row ends in the same leaves either way, since only float32 numbers are compared; what it contributes follows from the
leaves alone. So a row alone gets bit for bit what it gets in a batch, and nothing is ever unpickled.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Self, TypeVar

import numpy as np
from numpy.typing import NDArray

from ml.arrays import Bools, Floats, Floats32, Ints, Ints32, ModelState

if TYPE_CHECKING:
    from sklearn.tree._tree import Tree

Inputs = Floats32
Leaves = Ints
_Scalar = TypeVar("_Scalar", bound=np.generic)

#: from so many rows on, the compiled walk is faster than the one in NumPy
COMPILED_FROM = 8
#: path entries that are added up at once: bounds the memory of a batch
_AT_ONCE = 1 << 21
_TOP = np.finfo(np.float32).max


@dataclass(frozen=True, slots=True, kw_only=True)
class GrownTree:
    """One tree as a library grew it: arrays over its nodes, the root first; a leaf is its own child."""

    left: NDArray[np.integer]
    right: NDArray[np.integer]
    feature: NDArray[np.integer]
    #: a row goes left when its value is at most this
    threshold: Floats
    #: a row without a value goes left
    missing_left: Bools
    #: what a row that ends here is worth
    value: Floats
    #: training rows that passed
    rows: Floats


@dataclass(frozen=True, kw_only=True)
class Trees:
    """Trees side by side: the arrays hold the nodes of all trees, and `roots` where each begins."""

    roots: Ints32
    #: [nodes, 2]: left and right child, in all nodes; a leaf is its own child
    child: Ints32
    feature: Ints32
    threshold: Floats32
    missing_left: Bools
    #: the mean of what the training rows that passed are worth
    value: Floats
    #: columns that rows have
    width: int = field(default=0)

    def __len__(self) -> int:
        return len(self.roots)

    @property
    def base(self) -> float:
        """Return the sum of what the trees say of the average training row."""
        return float(self.value[self.roots].sum())

    def leaves(self, inputs: Inputs) -> Leaves:
        """Return the leaf that each row ends in, tree by tree: [rows, trees]."""
        return self._walked(inputs) if len(inputs) < COMPILED_FROM else self._compiled_walk(inputs)

    def totals(self, leaves: Leaves) -> Floats:
        """Add up what the leaves are worth: one figure a row, the fast way."""
        total: Floats = self.value[leaves].sum(axis=1)
        return total

    def contributions(self, leaves: Leaves) -> Floats:
        """Share out what the leaves are worth, against the average row: [rows, features].

        At each step down a tree the change of the mean belongs to the feature that was asked.
        """
        shared = np.empty((len(leaves), self.width))
        features, changes = self._paths
        step = max(1, _AT_ONCE // max(1, leaves.shape[1] * features.shape[1]))
        for start in range(0, len(leaves), step):
            part = leaves[start : start + step]
            # added in the order of the trees whatever the number of rows
            place = features[part] + (np.arange(len(part)) * self.width)[:, None, None]
            added = np.bincount(place.ravel(), weights=changes[part].ravel(), minlength=len(part) * self.width)
            shared[start : start + step] = added.reshape(len(part), self.width)
        return shared

    def state(self) -> ModelState:
        """Return it as plain values and arrays."""
        return {
            "roots": self.roots,
            "child": self.child,
            "feature": self.feature,
            "threshold": self.threshold,
            "missing_left": self.missing_left,
            "value": self.value,
            "width": self.width,
        }

    @classmethod
    def restore(cls, state: ModelState) -> Self:
        """Make them again from their `state`. Raises ValueError for arrays that are no trees."""
        trees = cls(**{name: state[name] for name in cls.__dataclass_fields__})
        if not _sound(trees):
            raise ValueError("the arrays are no trees")
        return trees

    @cached_property
    def depth(self) -> int:
        """Return the longest way from a root to a leaf."""
        depth, here = 0, np.unique(self.child[self.roots])
        while len(here := here[self.child[here, 0] != here]):
            depth, here = depth + 1, np.unique(self.child[here])
        return depth + 1

    @cached_property
    def _paths(self) -> tuple[Ints, Floats]:
        """For each node the features asked on the way to it and the change that each brought: [nodes, depth]."""
        parent = np.arange(len(self.child))
        inner = np.flatnonzero(self.child[:, 0] != parent)
        parent[self.child[inner]] = inner[:, None]
        features, changes = np.zeros((2, len(parent), self.depth))
        here = np.arange(len(parent))
        for step in range(self.depth):
            up = parent[here]
            features[:, step] = self.feature[up]
            changes[:, step] = self.value[here] - self.value[up]
            here = up
        return features.astype(np.intp), changes

    @cached_property
    def _split_columns(self) -> tuple[NDArray[np.integer], Ints]:
        """Return the column of each node, in rows laid out twice (missing lowest, then highest), and flat children."""
        return self.feature + np.where(self.missing_left, 0, self.width), self.child.astype(np.intp).ravel()

    def _walked(self, inputs: Inputs) -> Leaves:
        missing = np.isnan(inputs)
        laid = np.hstack([np.where(missing, -np.inf, inputs), np.where(missing, np.inf, inputs)])
        rows = (np.arange(len(inputs)) * laid.shape[1])[:, None]
        flat, (columns, child) = laid.ravel(), self._split_columns
        here = np.tile(self.roots.astype(np.intp), (len(inputs), 1))
        for _ in range(self.depth):
            right = flat[columns[here] + rows] > self.threshold[here]
            here = child[2 * here + right]
        return here

    def _compiled_walk(self, inputs: Inputs) -> Leaves:
        plain = np.ascontiguousarray(inputs)
        leaves = np.empty((len(inputs), len(self)), dtype=np.intp)
        for index, (start, tree) in enumerate(self._compiled):
            leaves[:, index] = tree.apply(plain) + start
        return leaves

    @cached_property
    def _compiled(self) -> list[tuple[int, Tree]]:
        stops = [*self.roots[1:].tolist(), len(self.child)]
        return [(start, self._tree(start, stop)) for start, stop in zip(self.roots.tolist(), stops, strict=True)]

    def _tree(self, start: int, stop: int) -> Tree:
        from sklearn.tree._tree import NODE_DTYPE, Tree

        nodes = np.zeros(stop - start, dtype=NODE_DTYPE)
        leaf = self.child[start:stop, 0] == np.arange(start, stop)
        nodes["left_child"], nodes["right_child"] = np.where(leaf, -1, self.child[start:stop].T - start)
        nodes["feature"], nodes["threshold"] = self.feature[start:stop], self.threshold[start:stop]
        nodes["missing_go_to_left"] = self.missing_left[start:stop]
        made = Tree(self.width, np.array([1], dtype=np.intp), 1)
        values = np.zeros((len(nodes), 1, 1))
        made.__setstate__({"max_depth": self.depth, "node_count": len(nodes), "nodes": nodes, "values": values})
        return made


def join(grown: Sequence[GrownTree], *, width: int) -> Trees:
    """Lay grown trees side by side."""
    starts = np.concatenate([[0], np.cumsum([len(tree.left) for tree in grown])]).astype(np.int32)
    return Trees(
        roots=starts[:-1],
        child=np.concatenate([_children(tree) + start for tree, start in zip(grown, starts, strict=False)]),
        feature=_joined(tree.feature for tree in grown).astype(np.int32),
        threshold=_below(_joined(tree.threshold for tree in grown)),
        missing_left=_joined(tree.missing_left for tree in grown).astype(np.bool_),
        value=_joined(_means(tree) for tree in grown),
        width=width,
    )


def _joined(parts: Iterable[NDArray[_Scalar]]) -> NDArray[_Scalar]:
    return np.concatenate(list(parts))


def _children(tree: GrownTree) -> Ints32:
    return np.column_stack([tree.left, tree.right]).astype(np.int32)


def _below(thresholds: Floats) -> Floats32:
    """Return the largest float32 that is no larger: every float32 compares with both alike."""
    bounded = np.clip(thresholds, -_TOP, _TOP)
    near: Floats32 = bounded.astype(np.float32)
    with np.errstate(over="ignore"):
        lower = np.nextafter(near, np.float32(-np.inf))
    return np.where(near > bounded, lower, near).astype(np.float32)


def _means(tree: GrownTree) -> Floats:
    """Return each node the mean of its leaves, weighted by training rows; children come after their parent."""
    means = tree.value.astype(np.float64).copy()
    for node in range(len(means) - 1, -1, -1):
        left, right = tree.left[node], tree.right[node]
        if left != node:
            share = tree.rows[left] / (tree.rows[left] + tree.rows[right])
            means[node] = share * means[left] + (1 - share) * means[right]
    return means


def _sound(trees: Trees) -> bool:
    """Return whether arrays are trees: others would be walked out of bounds or for ever."""
    nodes, places = len(trees.child), np.arange(len(trees.child))
    leaf = (trees.child == places[:, None]).all(axis=1)
    ends = np.append(trees.roots[1:], nodes)
    end = ends[np.searchsorted(trees.roots, places, side="right") - 1]
    return bool(
        len(trees.roots)
        and trees.roots[0] == 0
        and (np.diff(ends, prepend=0) > 0).all()
        and trees.child.shape == (nodes, 2)
        and all(part.shape == (nodes,) for part in (trees.feature, trees.threshold, trees.missing_left, trees.value))
        and (leaf | ((trees.child > places[:, None]) & (trees.child < end[:, None])).all(axis=1)).all()
        and (trees.feature >= 0).all()
        and (trees.feature < trees.width).all()
        and np.isfinite(trees.value).all()
    )
