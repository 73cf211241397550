mod files;
mod ring;
mod rotating;
mod tables;
