"""Decide whether a newly trained model of a task becomes the champion. Pure."""

import time
from collections.abc import Mapping

import numpy as np

from sensor_platform.predict.forecast.promotion import MOST_BYTES, MOST_SECONDS, TOLERANCE, PromotionDecision
from sensor_platform.predict.supervised import task_model
from sensor_platform.predict.supervised.config import TaskConfig
from sensor_platform.predict.supervised.learn_task import LearnedTask
from sensor_platform.predict.supervised.losses import loss_of, target_of
from sensor_platform.predict.supervised.task_card import TaskCard
from sensor_platform.predict.supervised.task_model import TaskModel
from sensor_platform.predict.supervised.task_rows import sources_sha256

LEAST_GAIN = 0.01
"""A model must be better than predicting the base rate (or the median) by this fraction."""
MOST_CALIBRATION_ERROR = 0.1
COVERAGE = (0.80, 0.98)
LEAST_ROWS = 100
"""Fewer labelled hours that are new to the champion do not show which model is better."""


def decide(
    learned: LearnedTask, card: TaskCard, contents: Mapping[str, bytes], config: TaskConfig, champion: TaskModel | None
) -> PromotionDecision:
    """Promote a model that beats the base rate, is calibrated, cheaper than no model, and as good as the champion."""
    refused = reason_to_refuse(learned, card, contents, config)
    if refused:
        return PromotionDecision(promoted=False, why=refused)
    if champion is None:
        return PromotionDecision(promoted=True, why="first model of this task")
    if champion.card.kind != card.kind or champion.card.classes != card.classes:
        return PromotionDecision(promoted=True, why="the champion was made for other classes")
    if champion.card.inputs_sha256 != card.inputs_sha256:
        return PromotionDecision(promoted=True, why="the champion was made for other inputs")
    return _against(learned, config, champion)


def reason_to_refuse(
    learned: LearnedTask, card: TaskCard, contents: Mapping[str, bytes], config: TaskConfig
) -> str | None:
    """Why a challenger is refused whatever the champion is, for people; None if it is not."""
    size = sum(len(data) for data in contents.values())
    if size > MOST_BYTES:
        return f"{size:,} bytes, more than the {MOST_BYTES:,} that a model may have"
    if card.inputs_sha256 != sources_sha256(config.sources):
        return "it was made for inputs other than those of the site"
    worse = _worse_than_nothing(learned.estimate, config)
    if worse:
        return worse
    seconds = _seconds(learned, card)
    return f"{seconds:.1f} s for a thousand rows, more than {MOST_SECONDS} s" if seconds > MOST_SECONDS else None


def _worse_than_nothing(figures: Mapping[str, float | None], config: TaskConfig) -> str | None:
    own, base = ("mae", "base_mae") if config.kind == "remaining_life" else ("log_loss", "base_log_loss")
    mine, theirs = figures[own] or 0.0, figures[base] or 0.0
    if mine > theirs * (1 - LEAST_GAIN):
        return f"{own} {mine:.4g} on held-out devices, not better than {theirs:.4g} without a model"
    error, coverage = figures.get("calibration_error"), figures.get("coverage")
    if error is not None and error > MOST_CALIBRATION_ERROR:
        return f"its probabilities are off by {error:.2f} on average, more than {MOST_CALIBRATION_ERROR}"
    if coverage is not None and not COVERAGE[0] <= coverage <= COVERAGE[1]:
        return f"its interval covered {coverage:.1%}, outside {COVERAGE[0]:.0%}-{COVERAGE[1]:.0%}"
    cost = figures.get("cost_per_hour")
    if cost is not None:
        least = min(figures["cost_never"] or 0.0, figures["cost_always"] or 0.0)
        if cost > least * (1 + TOLERANCE):
            return f"its alarms cost {cost:.4g} an hour, without a model they would cost {least:.4g}"
    return None


def _against(learned: LearnedTask, config: TaskConfig, champion: TaskModel) -> PromotionDecision:
    """Compare on labelled hours after the champion's training. The challenger was not trained on their devices."""
    seen = champion.card.trained_to
    rows = learned.tested
    fresh = np.ones(len(rows), dtype=bool) if seen is None else rows.hour > int(seen.timestamp()) // 3600
    if int(fresh.sum()) < LEAST_ROWS:
        count = int(fresh.sum())
        return PromotionDecision(
            promoted=True, why=f"same recipe on newer data; only {count} hours are new to the champion"
        )
    unseen = rows.where(fresh)
    prediction = task_model.predict(champion, unseen.inputs)
    what = prediction.value if config.kind == "remaining_life" else prediction.probabilities
    theirs = float(np.average(loss_of(what, target_of(unseen, config), config), weights=unseen.weight))
    ours = float(np.average(learned.loss[fresh], weights=unseen.weight))
    why = f"loss {ours:.4g} against the champion's {theirs:.4g} over {len(unseen)} hours that are new to it"
    return PromotionDecision(promoted=ours <= theirs * (1 + TOLERANCE), why=why)


def _seconds(learned: LearnedTask, card: TaskCard) -> float:
    began = time.process_time()
    task_model.predict(TaskModel("", card, learned.booster), learned.tested.inputs[:1000])
    return time.process_time() - began
