"""Many recordings are annotated side by side, by processes of one machine or by a Ray cluster.

:func:`~sig2lm.cohort.annotating.annotate_cohort` writes one Parquet file a recording, whole or not at all, so that what
was interrupted goes on where it stopped.
"""

from sig2lm.cohort.annotating import CohortSummary, annotate_cohort
from sig2lm.cohort.job import CohortJob
from sig2lm.cohort.sources import Source, find_sources

__all__ = ["CohortJob", "CohortSummary", "Source", "annotate_cohort", "find_sources"]
