"""Sentences that tell fibrillation from sinus rhythm without naming either, and the reasons for a label."""

from pocket_lm_text.grammar import Paraphrases

AF = "atrial fibrillation"
NORMAL = "normal sinus rhythm"

EVIDENCE = {
    AF: Paraphrases(
        (
            "The [intervals|gaps] follow no [pattern|order]; long and short ones [mix|alternate] at random.",
            "The [pulse|heartbeat] is irregularly irregular.",
            "No P waves [can be seen|are visible] before the beats, and the gaps [vary|jump] without order.",
            "The [upper chambers|atria] [quiver|tremble] instead of [contracting|beating] together.",
            "The time to the next beat cannot be [predicted|guessed] from the last one.",
            "The beats [arrive|come] [too early or too late|at random times], without any [pattern|order].",
            "The [pulse|heartbeat] is [chaotic|disordered] and [never|not once] settles.",
            "Fine waves [replace|have replaced] the P waves in the electrocardiogram.",
            "The [intervals|gaps] [jump|leap] widely from one beat to the next.",
            "No two [gaps|intervals] are [alike|the same], and they differ [widely|a lot].",
            "The [atria|upper chambers] fire without order, and the pulse is uneven.",
            "The person feels a [fluttering|racing], uneven [pulse|heartbeat].",
            "The [beats|intervals] are [scattered|spread] at random.",
        ),
        (
            "No order can be seen in the gaps, and short ones mix with long ones.",
            "The atria tremble, and the beats come at random.",
            "From one beat to the next the gaps differ widely, and P waves are not visible.",
            "When the next beat will arrive cannot be guessed.",
            "The pulse never settles into an order.",
            "An uneven, chaotic heartbeat without P waves.",
            "The intervals are spread widely and without a pattern.",
            "Fine waves instead of P waves, and gaps that jump at random.",
            "The last interval tells nothing about the next, and the pulse is disordered.",
        ),
    ),
    NORMAL: Paraphrases(
        (
            "Each beat follows the last after [nearly|almost] the same time.",
            "The [pulse|heartbeat] is [steady|even] like [a clock|clockwork].",
            "A P wave [comes|is visible] before [each|every] beat, and the gaps are [even|alike].",
            "The [gaps|intervals] grow and shrink only [slightly|a little], with the breath.",
            "The time to the next beat can be [predicted|guessed] from the last one.",
            "The [upper chambers|atria] [contract|beat] together, and the lower chambers follow.",
            "The [beats|intervals] [arrive|come] in good order, like the ticks of a clock.",
            "The [gaps|intervals] are [nearly|almost] [alike|the same].",
            "The [pulse|heartbeat] is even and [settled|quiet].",
            "The [intervals|gaps] differ only [slightly|a little] from one beat to the next.",
            "The natural pacemaker of the heart leads every beat.",
            "Every beat has its P wave, and the [pulse|heartbeat] is [steady|even].",
            "The beats are [evenly|steadily] spaced.",
        ),
        (
            "The gaps are even, and every beat comes when it is due.",
            "The atria contract in good order before the lower chambers.",
            "From one beat to the next the gaps are nearly alike, and each has its P wave.",
            "When the next beat will arrive can be guessed.",
            "The pulse ticks steadily like a clock.",
            "A quiet, even heartbeat with a P wave before each beat.",
            "The intervals are almost the same and differ slightly with the breath.",
            "The natural pacemaker leads, and the gaps are evenly spaced.",
            "The last interval tells how long the next will be, and the pulse is settled.",
        ),
    ),
}

REASONS = {
    AF: Paraphrases(
        ("Because the intervals are irregular and follow no pattern.", "Because the beats come without order.")
    ),
    NORMAL: Paraphrases(
        ("Because the intervals are regular and nearly the same.", "Because the beats come in good order.")
    ),
}
