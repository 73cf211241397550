mod files;
mod ring;
mod rotating;
mod tables;
mod watch;
