// RUN: zk-opt --patterns=mistakes/no_such_file.pdll
module {}
