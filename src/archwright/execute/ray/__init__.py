"""The executor `ray`: trainings on a cluster, and the transfer of their data and files."""
