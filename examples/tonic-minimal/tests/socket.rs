//! The built program, over a socket, with a generated client.

use portcullis_tests::program::Program;
use tonic::Code;
use tonic::transport::Endpoint;

#[expect(unreachable_pub, unused_qualifications, reason = "generated code")]
mod proto {
    tonic::include_proto!("greeter");
}
use proto::GreetRequest;
use proto::greeter_client::GreeterClient;

#[tokio::test]
async fn calls_pass_the_gate_until_they_are_too_many() {
    let program = Program::start(env!("CARGO_BIN_EXE_tonic-minimal"));
    let endpoint = Endpoint::try_from(format!("http://{}", program.addr())).unwrap();
    let mut client = GreeterClient::new(endpoint.connect().await.unwrap());
    let ada = || GreetRequest {
        name: "Ada".to_owned(),
    };

    let reply = client.greet(ada()).await.unwrap();
    let id = reply
        .metadata()
        .get("x-request-id")
        .unwrap()
        .to_str()
        .unwrap();
    assert_eq!(
        reply.get_ref().greeting,
        format!("hello, Ada; this was request {id}")
    );
    assert_eq!(
        reply.metadata().get("x-content-type-options").unwrap(),
        "nosniff"
    );

    let line: serde_json::Value = serde_json::from_str(&program.line()).unwrap();
    assert_eq!(line["request_id"], id);
    assert_eq!(line["route"], "/greeter.Greeter/Greet");
    assert_eq!(line["grpc_status"], 0);

    let mut refused = None;
    for _ in 0..25 {
        refused = client.greet(ada()).await.err().or(refused);
    }
    let refused = refused.expect("the burst is 20");
    assert_eq!(refused.code(), Code::ResourceExhausted);
    assert!(refused.metadata().contains_key("retry-after"));
    assert!(refused.metadata().contains_key("x-request-id"));
}
