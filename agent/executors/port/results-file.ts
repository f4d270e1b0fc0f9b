/** The file for results in a job's directory. It is not there until the job writes it, and never among the outputs. */
export const RESULTS_FILE = ".tanvrit-results";
