"""One run from data to results: plan, search loop, final trainings, baselines."""
