# The state goes to koprogo-infra itself, which encrypts it; where it listens, and the password, are in the environment of each run.

terraform {
  backend "http" {}
}
