mod desk;
mod ends;
mod files;
mod loads;
mod ring;
mod rotating;
mod tables;
mod watch;
