"""The executor `mpi`: trainings on the ranks of one `mpiexec`."""
