mod load;
mod run;
mod server;
