# Drives an embedded Sunshine Conversations with the vendor's own client, which checks every answer against the published
# description. It is asked by the tests.
#
#   python tests/sunshine.py URL APP KEY SECRET SMS_INTEGRATION WEBHOOK_TARGET
#
# It ends with a line of JSON: the ids of the objects that it has made. Any answer that the client does not take ends it.
import json
import sys

import sunshine_conversations_client as sunco
from sunshine_conversations_client.exceptions import ApiException
from sunshine_conversations_client.model.activity_post import ActivityPost
from sunshine_conversations_client.model.client_create import ClientCreate
from sunshine_conversations_client.model.conversation_create_body import ConversationCreateBody
from sunshine_conversations_client.model.conversation_update_body import ConversationUpdateBody
from sunshine_conversations_client.model.destination import Destination
from sunshine_conversations_client.model.integration import Integration
from sunshine_conversations_client.model.integration_id import IntegrationId
from sunshine_conversations_client.model.message_list_response import MessageListResponse
from sunshine_conversations_client.model.message_post import MessagePost
from sunshine_conversations_client.model.pass_control_body import PassControlBody
from sunshine_conversations_client.model.switchboard_integration_create_body import SwitchboardIntegrationCreateBody
from sunshine_conversations_client.model.user_create_body import UserCreateBody
from sunshine_conversations_client.model.user_update_body import UserUpdateBody

url, app, key, secret, texts, target = sys.argv[1:]
configuration = sunco.Configuration(host=url, username=key, password=secret)
client = sunco.ApiClient(configuration)


def of(name):
    return getattr(sunco, name)(client)


def refused(call, status, code):
    try:
        call()
    except ApiException as error:
        told = json.loads(error.body)["errors"][0]
        assert (error.status, told["code"]) == (status, code), error
    else:
        raise AssertionError(f"{code} was expected")


users, conversations, clients, messages = of("UsersApi"), of("ConversationsApi"), of("ClientsApi"), of("MessagesApi")

# A user, once.
new = UserCreateBody.from_dict({"externalId": "zd:4711", "profile": {"givenName": "Ada", "surname": "L"}})
user = users.create_user(app, new).user
assert user.external_id == "zd:4711" and user.profile.given_name == "Ada", user
refused(lambda: users.create_user(app, new), 409, "conflict")
assert users.get_user(app, "zd:4711").user.id == user.id
users.update_user(app, user.id, UserUpdateBody.from_dict({"metadata": {"vip": True}}))
refused(lambda: users.get_user(app, "nobody"), 404, "user_not_found")

# A conversation, with its only participant.
new = {"type": "personal", "participants": [{"userId": user.id}], "metadata": {"tandem_ticket": "42"}}
conversation = conversations.create_conversation(app, ConversationCreateBody.from_dict(new)).conversation
assert conversation.is_default and conversation.metadata == {"tandem_ticket": "42"}, conversation
change = ConversationUpdateBody.from_dict({"displayName": "Ticket 42"})
assert conversations.update_conversation(app, conversation.id, change).conversation.display_name == "Ticket 42"
assert conversations.get_conversation(app, conversation.id).conversation.id == conversation.id
participants = of("ParticipantsApi").list_participants(app, conversation.id).participants
assert [found.user_id for found in participants] == [user.id], participants
refused(lambda: conversations.get_conversation(app, "other"), 404, "conversation_not_found")
refused(lambda: conversations.delete_conversation(app, conversation.id), 400, "bad_request")

# A link to a phone.
link = {
    "matchCriteria": {"type": "twilio", "integrationId": texts, "phoneNumber": "+15550123456"},
    "confirmation": {"type": "immediate"},
    "target": {"conversationId": conversation.id},
}
made = clients.create_client(app, user.id, ClientCreate.from_dict(link)).client
assert (made.status, made.integration_id) == ("pending", texts), made
[linked] = clients.list_clients(app, user.id).clients
assert (linked.id, linked.status, linked.external_id) == (made.id, "active", "+15550123456"), linked

# Messages, and their list.
def post(text):
    message = MessagePost.from_dict({"author": {"type": "business"}, "content": {"type": "text", "text": text}})
    message.destination = Destination(IntegrationId(integration_id=texts))
    message.metadata = {"tandem": text}
    return messages.post_message(app, conversation.id, message).messages


[first] = post("one")
assert (first.metadata, first.source.type) == ({"tandem": "one"}, "api:conversations"), first
for number in range(104):
    post(f"more {number}")
page = messages.list_messages(app, conversation.id)
assert len(page.messages) == 100 and page.meta.has_more, page.meta
# The client writes a page as JSON in the query, which the API does not take: the address is its own `prev`.
raw = client.call_api("GET", page.links.prev, header_params={"Authorization": configuration.get_basic_auth_token()})
raw.read()
older = MessageListResponse.from_json(raw.data.decode())
assert [message.metadata["tandem"] for message in older.messages][:2] == ["one", "more 0"], older
assert len(older.messages) == 5 and not older.meta.has_more, older.meta
refused(lambda: messages.list_messages(app, "other"), 404, "not_found")
read = ActivityPost.from_dict({"author": {"type": "business"}, "type": "conversation:read"})
of("ActivitiesApi").post_activity(app, conversation.id, read)

# An integration with a webhook, in control of the conversation.
integrations = of("IntegrationsApi")
hook = {"target": target, "triggers": ["conversation:message"], "includeFullSource": True}
custom = integrations.create_integration(app, Integration.from_dict({"type": "custom", "webhooks": [hook]})).integration
custom = custom.actual_instance if hasattr(custom, "actual_instance") else custom
[webhook] = of("WebhooksApi").list_webhooks(app, custom.id).webhooks
assert webhook.secret and webhook.target == target, webhook
[board] = of("SwitchboardsApi").list_switchboards(app).switchboards
assert board.enabled, board
members = of("SwitchboardIntegrationsApi")
new = SwitchboardIntegrationCreateBody.from_dict({"name": "other", "integrationId": custom.id})
member = members.create_switchboard_integration(app, board.id, new).switchboard_integration
names = [found.name for found in members.list_switchboard_integrations(app, board.id).switchboard_integrations]
assert names[-1] == "other", names
to = PassControlBody.from_dict({"switchboardIntegration": "other"})
of("SwitchboardActionsApi").pass_control(app, conversation.id, to)
active = conversations.get_conversation(app, conversation.id).conversation.active_switchboard_integration
assert active.id == member.id, active
assert texts in [found.id for found in integrations.list_integrations(app).integrations]

# A file.
attachment = of("AttachmentsApi").upload_attachment(app, "public", ("note.txt", b"seen"), var_for="message").attachment
assert attachment.media_url.startswith(url), attachment

post("last")
configuration.password = "wrong"
refused(lambda: users.get_user(app, user.id), 401, "unauthorized")
print(json.dumps({"user": user.id, "conversation": conversation.id, "secret": webhook.secret}))
