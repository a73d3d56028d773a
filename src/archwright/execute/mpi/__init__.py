"""The executor `mpi`: trainings in the ranks of one `mpiexec`."""
