"""Why a response earned its accuracy."""

from enum import StrEnum


class Reason(StrEnum):
    """One for every scored response. The first four are about the response, the others about its answer."""

    NO_ANSWER = "no_answer"  # no answer block outside the thinking
    CUT_OFF = "cut_off"  # the text ends inside a block, before any answer: most likely at the length limit
    EMPTY_ANSWER = "empty_answer"  # an answer block without content
    SPECIAL_TOKEN = "special_token"  # the answer holds a special token, such as <|video_pad|>

    RIGHT = "right"
    WRONG = "wrong"
    PARTIAL = "partial"  # between 0 and 1: ROUGE, or the overlap of spans of time
    NO_LETTER = "no_letter"  # the answer names no option, or several
    NOT_AN_OPTION = "not_an_option"  # a letter beyond the options
    WRONG_NUMBER = "wrong_number"
    WRONG_UNIT = "wrong_unit"  # the gold number with another unit
    TOO_LONG = "too_long"  # no gold answer is near
    JUDGED_RIGHT = "judged_right"
    JUDGED_WRONG = "judged_wrong"
